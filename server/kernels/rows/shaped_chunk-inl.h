#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_CHUNK_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_CHUNK_INL_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/signed_unit-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// A shaped logit, scale · base + addend, in its parts: their differences to those of the largest
// are taken before anything is rounded.
template <typename T>
struct ShapedLogit {
  // Returns this less the other.
  double Minus(const ShapedLogit& other, double scale) const {
    // The same infinity twice has no difference, and is not the largest of a row that has one.
    return (static_cast<double>(base) - static_cast<double>(other.base)) * scale +
           (static_cast<double>(addend) - static_cast<double>(other.addend));
  }
  double Value(double scale) const {
    return static_cast<double>(base) * scale + static_cast<double>(addend);
  }

  T base = -kInfinity<T>;
  T addend = 0;
};

// Shaped logits of a chunk as their exponentials need them: less the largest. `addends` is null
// where there are none.
template <typename T, typename Arch, bool kHasAddends>
class ShapedLogits {
 public:
  using V = Lanes<T, Arch>;

  ShapedLogits(const T* bases, const T* addends, const ShapedLogit<T>& largest,
               const Factor<V>& scale)
      : bases_(bases),
        addends_(addends),
        base_of_largest_(largest.base),
        addend_of_largest_(largest.addend),
        scale_(scale) {}

  LOSSD_ALWAYS_INLINE V Difference(int64_t j) const {
    return V::load_unaligned(bases_ + j) - base_of_largest_;
  }
  LOSSD_ALWAYS_INLINE V AddendDifference(int64_t j) const {
    if constexpr (!kHasAddends) return V(T(0));
    return V::load_unaligned(addends_ + j) - addend_of_largest_;
  }

  LOSSD_ALWAYS_INLINE V Find(int64_t j, V& x, V& e) const {
    V minus_one;
    FindParts(j, x, e, minus_one);
    return e;
  }
  LOSSD_ALWAYS_INLINE void FindParts(int64_t j, V& x, V& e, V& minus_one) const {
    const V d = Difference(j);
    const V c = AddendDifference(j);
    x = xsimd::fma(d, scale_.high, c);
    e = ExpOfScaled(d, scale_, c, x, minus_one);
    if constexpr (!kHasAddends) return;
    // Parts that cancel leave a rounding, which would be added in another order by each width.
    const auto is_largest = x == V(T(0));
    e = xsimd::select(is_largest, V(T(1)), e);
    minus_one = ZeroWhere(is_largest, minus_one);
  }
  LOSSD_ALWAYS_INLINE void PrefetchNext(int64_t j) const { Prefetch(bases_ + j + kChunkClasses); }

  // Returns the same from logit `begin` on.
  ShapedLogits From(int64_t begin) const {
    ShapedLogits rest = *this;
    rest.bases_ += begin;
    if constexpr (kHasAddends) rest.addends_ += begin;
    return rest;
  }

  // Returns the same of fewer than kLanes logits, which `memory` holds, followed by −∞.
  ShapedLogits Padded(int64_t count, T* memory) const {
    const auto bytes = static_cast<size_t>(count) * sizeof(T);
    std::fill(memory, memory + kLanes, -kInfinity<T>);
    std::fill(memory + kLanes, memory + 2 * kLanes, T(0));
    std::memcpy(memory, static_cast<const void*>(bases_), bytes);
    if constexpr (kHasAddends) std::memcpy(memory + kLanes, addends_, bytes);
    ShapedLogits padded = *this;
    padded.bases_ = memory;
    padded.addends_ = memory + kLanes;
    return padded;
  }
  static constexpr int64_t kPaddedMemory = 2 * kLanes;

 private:
  const T* bases_;
  const T* addends_;
  V base_of_largest_;
  V addend_of_largest_;
  Factor<V> scale_;
};

// Logits whose exponentials are kept as SignedUnit.
template <typename Logits>
class SignedLogits {
 public:
  using V = typename Logits::V;

  explicit SignedLogits(const Logits& logits) : logits_(logits) {}

  LOSSD_ALWAYS_INLINE V Find(int64_t j, V& x, V& e) const {
    V minus_one;
    logits_.FindParts(j, x, e, minus_one);
    return SignedUnit(x, e, minus_one);
  }
  LOSSD_ALWAYS_INLINE void PrefetchNext(int64_t j) const { logits_.PrefetchNext(j); }
  SignedLogits From(int64_t begin) const { return SignedLogits(logits_.From(begin)); }
  template <typename T>
  SignedLogits Padded(int64_t count, T* memory) const {
    return SignedLogits(logits_.Padded(count, memory));
  }
  static constexpr int64_t kPaddedMemory = Logits::kPaddedMemory;

 private:
  Logits logits_;
};

// A scale as a T, and what is left of one that is beyond T's range: a product of T's with the first
// and then with the second stays in the range where its result does.
template <typename T>
struct SplitScale {
  explicit SplitScale(double scale) {
    constexpr double kMost = sizeof(T) == sizeof(float) ? 0x1p120 : 0x1p1023;
    const double within = std::clamp(scale, -kMost, kMost);
    first = static_cast<T>(within);
    second = static_cast<T>(within == 0 ? 1 : scale / within);
  }

  T first;
  T second;  // 1 for ordinary scales
};

// How exponentials are kept: as they are, or as SignedUnit.
enum class KeptExps { kPlain, kSigned };

// What makes the exponentials of a chunk its gradient, g = (e (a (e + shift) + b) + c w) slope ·
// scale. The scale comes last: it may be so large that its product with a term leaves T's range.
template <typename T>
struct GradientTerms {
  KeptExps kept = KeptExps::kPlain;
  T shift = 0;  // 0 or −1; where they are kept as SignedUnit
  T scale = 1;
  T a = 0;
  T b = 0;
  T c = 0;
  const T* weights = nullptr;  // w, or null: all are 1
  const T* slopes = nullptr;   // or null: all are 1
};

// What makes them its Hessian.
template <typename T>
struct HessianTerms {
  // Returns the entry whose unscaled value is h.
  template <typename V>
  LOSSD_ALWAYS_INLINE V Finish(const V& h) const {
    if (floor == -kInfinity<T>) return V(scale) * h;
    const V scaled = V(scale) * xsimd::abs(h);
    return xsimd::select(scaled < V(floor), V(floor), scaled);
  }

  T h0 = 0;
  T h1 = 0;
  T h2 = 0;
  T scale = 1;
  T floor = -kInfinity<T>;   // −∞: none
  T second = 0;              // the slope's own slope, by tanh · slope
  const T* tanhs = nullptr;  // where there are slopes
};

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
                                    const Factor<V>& scale) {
    ShapedLogit<T> largest;
    const T base = Passes::Max(bases, count);
    if (addends == nullptr || base == -kInfinity<T> || base == kInfinity<T>) {
      largest.base = base;
      return largest;
    }
    // Less the largest base, they do not overflow, and are rounded the less the larger they are.
    const auto value = [&, top = V(base)](const V& b, const V& a)
                           LOSSD_ALWAYS_INLINE { return xsimd::fma(V(b - top), scale.high, a); };
    alignas(64) T values[kChunkClasses];
    V tops[static_cast<size_t>(kRegisters)];
    for (V& v : tops) v = V(-kInfinity<T>);
    ForEachRegister(count, [&](int64_t j, int64_t k, int64_t left) LOSSD_ALWAYS_INLINE {
      V v = value(LoadFirst(bases + j, left), LoadFirst(addends + j, left));
      StoreFirst(v, left, values + j);
      if (left < kWidth) {
        v = V(-kInfinity<T>);
        for (int64_t i = 0; i < left; ++i) v = MaxOf(V(values[j + i]), v);
      }
      tops[k] = MaxOf(v, tops[k]);
    });
    for (int64_t k = 1; k < kRegisters; ++k) tops[0] = MaxOf(tops[k], tops[0]);
    const T top = LargestOf(tops[0]);
    if (top == -kInfinity<T>) return largest;
    const int64_t m = Passes::FirstEqual(values, count, top);
    return {Load<Arch>(bases + m), addends[m]};
  }

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
