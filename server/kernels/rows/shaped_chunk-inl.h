#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_CHUNK_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_CHUNK_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/shaped_logits-inl.h"
#include "server/kernels/rows/shaped_terms-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/signed_unit-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Passes over at most kChunkClasses shaped logits of a row.
template <typename T, typename Arch>
class ShapedPasses {
 public:
  using V = Lanes<T, Arch>;
  using Passes = RowPasses<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kRegisters = kLanes / kWidth;

  // Returns the largest; its base is −∞ where all are NaN or −∞. Of those whose rounded values are
  // equally large it is the first.
  static ShapedLogit<T> FindLargest(const T* bases, const T* addends, int64_t count,
                                    const Factor<V>& scale);

  // Writes the exponentials of the chunk relative to its `largest`, and meanwhile the lines that
  // wait in `writer`. Returns the sum of all but one of the largest.
  template <typename Writer>
  static double Reduce(const T* bases, const T* addends, int64_t count, ShapedLogit<T> largest,
                       const Factor<V>& scale, T* exps, Writer& writer) {
    const bool any = largest.base != -kInfinity<T>;
    if (!any) largest = {T(0), T(0)};
    if (addends == nullptr) {
      const ShapedLogits<T, Arch, false> logits(bases, addends, largest, scale);
      return Passes::ReduceExps(logits, count, any, exps, writer);
    }
    const ShapedLogits<T, Arch, true> logits(bases, addends, largest, scale);
    return Passes::ReduceExps(logits, count, any, exps, writer);
  }

  // Sums of exponentials but one of the largest, which is 1.
  struct UnitTotals {
    double rest = 0;
    double squares = 0;  // Σ e²
    double gaps = 0;     // Σ e (1 − e)
  };

  // Does the same with exponentials that are kept as SignedUnit.
  template <typename Writer>
  static UnitTotals ReduceUnits(const T* bases, const T* addends, int64_t count,
                                ShapedLogit<T> largest, const Factor<V>& scale, T* exps,
                                Writer& writer) {
    const bool any = largest.base != -kInfinity<T>;
    if (!any) largest = {T(0), T(0)};
    const auto reduce = [&](const auto& logits) {
      UnitSums sums;
      Passes::ReduceInto(SignedLogits(logits), count, exps, sums, writer);
      const double equals = sums.Largest() - (any ? 1 : 0);
      return UnitTotals{sums.others.Total() + equals, sums.squares.Total() + equals,
                        -sums.gaps.Total()};
    };
    if (addends != nullptr) {
      return reduce(ShapedLogits<T, Arch, true>(bases, addends, largest, scale));
    }
    if (First(scale.high) == T(1) && First(scale.low) == T(0)) {
      return reduce(PlainLogits<T, Arch>(bases, largest.base));
    }
    return reduce(ShapedLogits<T, Arch, false>(bases, addends, largest, scale));
  }

  // Returns Σ w_j (x_j − x_m), with w_j = 1 where `weights` is null. What weighs 0 is not read.
  LOSSD_NOINLINE static double SumLogits(const T* bases, const T* addends, const T* weights,
                                         int64_t count, ShapedLogit<T> largest,
                                         const Factor<V>& scale) {
    if (largest.base == -kInfinity<T>) largest = {T(0), T(0)};
    LaneSum<T, Arch> sum;
    if (addends == nullptr) {
      const ShapedLogits<T, Arch, false> logits(bases, addends, largest, scale);
      AddLogits(logits, weights, count, scale, sum);
    } else {
      const ShapedLogits<T, Arch, true> logits(bases, addends, largest, scale);
      AddLogits(logits, weights, count, scale, sum);
    }
    return sum.Total();
  }

  // Returns the largest |z|; NaN never is.
  LOSSD_NOINLINE static T LargestSize(const T* z, int64_t count) {
    V largest[static_cast<size_t>(kRegisters)];
    for (V& v : largest) v = V(T(0));
    ForEachRegister(count, [&](int64_t j, int64_t k, int64_t left) LOSSD_ALWAYS_INLINE {
      largest[k] = MaxOf(V(xsimd::abs(LoadFirst(z + j, left))), largest[k]);
    });
    for (int64_t k = 1; k < kRegisters; ++k) largest[0] = MaxOf(largest[k], largest[0]);
    return LargestOf(largest[0]);
  }

  // Returns the first of the exponentials kept as SignedUnit that is 1 to the last digit of 1 − e,
  // 0 where there is none.
  LOSSD_NOINLINE static int64_t FirstOne(const T* units, int64_t count) {
    int64_t first = count;
    ForEachRegister(count, [&](int64_t j, int64_t, int64_t left) LOSSD_ALWAYS_INLINE {
      const V unit = LoadFirst(units + j, left);
      const auto is_one = (unit == V(T(0))) & (UnitOf(unit) == V(T(1)));
      if (first < count || !xsimd::any(is_one)) return;
      first = j;
      while (units[first] != T(0) || !std::signbit(units[first])) ++first;
    });
    return first < count ? first : 0;
  }

  // Writes e_j · factor of exponentials kept as SignedUnit.
  static void ScaleUnits(const T* units, int64_t count, T factor, T* out) {
    Passes::Map(units, count, out, [f = V(factor)](const V& v) { return UnitOf(v) * f; });
  }

  // Returns Σ |g| of what WriteGradient writes.
  LOSSD_NOINLINE static double SumAbsolute(const T* exps, int64_t count,
                                           const GradientTerms<T>& terms) {
    LaneSum<T, Arch> sum;
    ForEachRegister(count, [&](int64_t j, int64_t k, int64_t left) LOSSD_ALWAYS_INLINE {
      V g = xsimd::abs(GradientAt(TermsAt(exps, terms, j, left), terms, j, left));
      if (left < kWidth) g = KeepFirst(g, left);
      sum.Add(k, g);
    });
    return sum.Total();
  }

  // Writes the gradient; `out` may be `exps`.
  LOSSD_NOINLINE static void WriteGradient(const T* exps, int64_t count,
                                           const GradientTerms<T>& terms, T* out) {
    if (terms.kept == KeptExps::kSigned && terms.slopes == nullptr) {
      const V shift(terms.shift);
      ForEachRegister(count, [&](int64_t j, int64_t, int64_t left) LOSSD_ALWAYS_INLINE {
        const V unit = LoadFirst(exps + j, left);
        const V g = UnitOf(unit) * xsimd::fma(V(terms.a), ShiftedUnit(unit, shift), V(terms.b));
        StoreFirst(g * V(terms.scale), left, out + j);
      });
      return;
    }
    if (terms.weights == nullptr && terms.slopes == nullptr) {
      const V c(terms.c);
      ForEachRegister(count, [&](int64_t j, int64_t, int64_t left) LOSSD_ALWAYS_INLINE {
        const V e = LoadFirst(exps + j, left);
        const V g = xsimd::fma(e, V(xsimd::fma(V(terms.a), e, V(terms.b))), c);
        StoreFirst(g * V(terms.scale), left, out + j);
      });
      return;
    }
    ForEachRegister(count, [&](int64_t j, int64_t, int64_t left) LOSSD_ALWAYS_INLINE {
      StoreFirst(GradientAt(TermsAt(exps, terms, j, left), terms, j, left), left, out + j);
    });
  }

  // Multiplies the exponentials by the slopes.
  LOSSD_NOINLINE static void Multiply(const T* slopes, int64_t count, T* exps) {
    ForEachRegister(count, [&](int64_t j, int64_t, int64_t left) LOSSD_ALWAYS_INLINE {
      StoreFirst(LoadFirst(exps + j, left) * LoadFirst(slopes + j, left), left, exps + j);
    });
  }

  // Writes scale (h slope² + g second), h = e (h₀ + e (h₁ + h₂ e)), which is no smaller than
  // `floor`; by absolute value where there is one.
  LOSSD_NOINLINE static void WriteHessian(const T* exps, int64_t count,
                                          const GradientTerms<T>& gradient,
                                          const HessianTerms<T>& terms, T* out) {
    ForEachRegister(count, [&](int64_t j, int64_t, int64_t left) LOSSD_ALWAYS_INLINE {
      const ExpTerms at = TermsAt(exps, gradient, j, left);
      const V& e = at.e;
      V h = e * xsimd::fma(e, V(xsimd::fma(V(terms.h2), e, V(terms.h1))), V(terms.h0));
      if (gradient.slopes != nullptr) {
        const V slope = LoadFirst(gradient.slopes + j, left);
        const V second = V(terms.second) * LoadFirst(terms.tanhs + j, left);
        h = h * slope * slope + GradientAt(at, gradient, j, left) * second;
      }
      StoreFirst(terms.template Finish<V>(h), left, out + j);
    });
  }

 private:
  // Sums of exponentials that are kept as SignedUnit.
  struct UnitSums : Passes::ExpSums {
    LOSSD_ALWAYS_INLINE void Add(int64_t k, const V& x, const V& e, const V& unit) {
      const V other = ZeroWhere(x == V(T(0)), e);
      this->others.Add(k, other);
      this->largest += e - other;
      squares.Add(k, other * other);
      gaps.Add(k, e * ShiftedUnit(unit, V(T(-1))));
    }

    LaneSum<T, Arch> squares;
    LaneSum<T, Arch> gaps;  // Σ e (e − 1)
  };

  // Calls f(j, register, elements left from j on) for each register of elements.
  template <typename F>
  LOSSD_ALWAYS_INLINE static void ForEachRegister(int64_t count, F f) {
    int64_t j = 0;
    for (; j + kLanes <= count; j += kLanes) {
      for (int64_t k = 0; k < kRegisters; ++k) f(j + k * kWidth, k, kWidth);
    }
    for (int64_t k = 0; j < count; ++k, j += kWidth) f(j, k, count - j);
  }

  // Loads `count` elements, the others of the register being 0.
  LOSSD_ALWAYS_INLINE static V LoadFirst(const T* from, int64_t count) {
    if (count >= kWidth) return V::load_unaligned(from);
    alignas(64) T lanes[V::size] = {};
    std::memcpy(lanes, static_cast<const void*>(from), static_cast<size_t>(count) * sizeof(T));
    return V::load_aligned(lanes);
  }

  LOSSD_ALWAYS_INLINE static void StoreFirst(const V& v, int64_t count, T* to) {
    if (count >= kWidth) return v.store_unaligned(to);
    alignas(64) T lanes[V::size];
    v.store_aligned(lanes);
    std::copy(lanes, lanes + count, to);
  }

  // An exponential, and what a is multiplied by.
  struct ExpTerms {
    V e;
    V shifted;
  };

  LOSSD_ALWAYS_INLINE static ExpTerms TermsAt(const T* exps, const GradientTerms<T>& terms,
                                              int64_t j, int64_t left) {
    const V kept = LoadFirst(exps + j, left);
    if (terms.kept == KeptExps::kPlain) return {kept, kept};
    return {UnitOf(kept), ShiftedUnit(kept, V(terms.shift))};
  }

  LOSSD_ALWAYS_INLINE static V GradientAt(const ExpTerms& at, const GradientTerms<T>& terms,
                                          int64_t j, int64_t left) {
    V c(terms.c);
    if (terms.weights != nullptr) c = c * LoadFirst(terms.weights + j, left);
    V g = xsimd::fma(at.e, V(xsimd::fma(V(terms.a), at.shifted, V(terms.b))), c);
    if (terms.slopes != nullptr) g = g * LoadFirst(terms.slopes + j, left);
    return g * V(terms.scale);
  }

  LOSSD_ALWAYS_INLINE static V KeepFirst(const V& v, int64_t count) {
    alignas(64) T lanes[V::size];
    v.store_aligned(lanes);
    std::fill(lanes + count, lanes + kWidth, T(0));
    return V::load_aligned(lanes);
  }

  template <typename Logits>
  LOSSD_ALWAYS_INLINE static void AddLogits(const Logits& logits, const T* weights, int64_t count,
                                            const Factor<V>& scale, LaneSum<T, Arch>& sum) {
    const auto add = [&](const Logits& some, int64_t j, int64_t k, const V& weight) {
      const V x = xsimd::fma(some.Difference(j), scale.high, some.AddendDifference(j));
      sum.Add(k, Weighted(weight, x));
    };
    const int64_t whole = count / kLanes * kLanes;
    for (int64_t j = 0; j < whole; j += kLanes) {
      for (int64_t k = 0; k < kRegisters; ++k) {
        const int64_t i = j + k * kWidth;
        add(logits, i, k, weights == nullptr ? V(T(1)) : V::load_unaligned(weights + i));
      }
    }
    if (whole == count) return;
    // Padding weighs nothing.
    alignas(64) T memory[static_cast<size_t>(Logits::kPaddedMemory)];
    alignas(64) T last[kLanes] = {};
    const int64_t left = count - whole;
    if (weights == nullptr) std::fill(last, last + left, T(1));
    if (weights != nullptr) std::copy(weights + whole, weights + count, last);
    const Logits padded = logits.From(whole).Padded(left, memory);
    for (int64_t k = 0; k < kRegisters; ++k) {
      add(padded, k * kWidth, k, V::load_aligned(last + k * kWidth));
    }
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_CHUNK_INL_H_
