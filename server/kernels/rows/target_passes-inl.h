#ifndef LOSSD_SERVER_KERNELS_ROWS_TARGET_PASSES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TARGET_PASSES_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/target_form-inl.h"
#include "server/kernels/rows/target_sums-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/logarithm-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/sum-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Passes over at most kChunkClasses classes of a row with a target each.
template <typename T, typename Arch>
class TargetPasses {
 public:
  using V = Lanes<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kRegisters = kLanes / kWidth;

  // Writes weighted targets.
  LOSSD_NOINLINE static void Make(const T* targets, int64_t count, const TargetMaking<T>& making,
                                  T* out) {
    ForEachRegister(count, [&](int64_t j, int64_t, int64_t left) LOSSD_ALWAYS_INLINE {
      StoreFirst(MadeAt(targets, making, j, left), left, out + j);
    });
  }

  // Returns Σ a_k log y_k, where y is what a would be without weights.
  LOSSD_NOINLINE LOSSD_FLATTEN static double SumEntropy(const T* targets, int64_t count,
                                                        const TargetMaking<T>& making) {
    TargetMaking<T> weightless = making;
    weightless.weights = nullptr;
    LaneSum<T, Arch> sum;
    alignas(64) double all[kLanes] = {};
    for (int64_t begin = 0; begin < count; begin += kSummed) {
      const int64_t size = std::min(kSummed, count - begin);
      ForEachRegister(size, [&](int64_t j, int64_t k, int64_t left) LOSSD_ALWAYS_INLINE {
        const V y = MadeAt(targets, weightless, begin + j, left);
        V term = Weighted(y, LogOfTarget(y));
        if (making.weights != nullptr) term = term * LoadFirst(making.weights + begin + j, left);
        if (left < kWidth) term = KeepFirst(term, left);
        sum.Add(k, term);
      });
      sum.Flush(all);
    }
    return LaneSum<T, Arch>::Reduce(all);
  }

  // Writes the exponentials of `logits`, which are those of `z`, to `exps`, and where `xs` is not
  // null the exponents there. Writes lines that wait in `writer` meanwhile. Adds its sums to
  // `chunk`, which has its maximum.
  template <typename Logits, typename Writer>
  static void Reduce(const Logits& logits, const T* z, const T* targets, int64_t count, T* exps,
                     T* xs, Writer& writer, TargetHeldOut<T>& chunk) {
    AllSums all;
    const int64_t whole = count / kLanes * kLanes;
    if (xs == nullptr) {
      SumWhole<Kept::kExps>(logits, targets, whole, exps, xs, all, writer);
    } else {
      SumWhole<Kept::kExponents>(logits, targets, whole, exps, xs, all, writer);
    }
    if (whole < count) SumTail(logits, targets, count, exps, xs, all.sums);
    const bool any = chunk.max != -kInfinity<T>;
    const auto largest = static_cast<double>(xsimd::hadd(all.sums.largest));
    chunk.rest = all.sums.exps.Total() + (largest - (any ? 1 : 0));
    all.Flush();
    chunk.other_targets = LaneSum<T, Arch>::Reduce(all.targets);
    chunk.logit_sum = LaneSum<T, Arch>::Reduce(all.logits);
    if (largest == 1) {
      chunk.largest = RowPasses<T, Arch>::FirstEqual(z, count, chunk.max);
      chunk.largest_target = static_cast<double>(targets[chunk.largest]);
    } else if (any) {
      // None is held out of the sum. Logits of which x is 0 may differ themselves.
      chunk.other_targets = SumInLanes<Arch>(targets, count);
    }
  }

  // Replaces the exponents `xs` of a chunk by −b_k = −a_k φ′_k. Returns Σ a_k φ_k and Σ b_k.
  LOSSD_NOINLINE LOSSD_FLATTEN static TermSums AddTerms(const TargetForm<T>& form,
                                                        const FormParameters& parameters,
                                                        const TermPoint<T>& at, const T* targets,
                                                        int64_t count, const T* exps, T* xs) {
    alignas(64) T log_p[kSummed];
    alignas(64) T p[kSummed];
    alignas(64) T one_minus_p[kSummed];
    alignas(64) T value[kSummed];
    alignas(64) T slope[kSummed];
    LaneSum<T, Arch> values;
    LaneSum<T, Arch> slopes;
    alignas(64) double all_values[kLanes] = {};
    alignas(64) double all_slopes[kLanes] = {};
    for (int64_t begin = 0; begin < count; begin += kSummed) {
      const int64_t size = std::min(kSummed, count - begin);
      ForEachRegister(size, [&](int64_t j, int64_t, int64_t left) LOSSD_ALWAYS_INLINE {
        const V e = LoadFirst(exps + begin + j, left) * V(at.factor);
        V(LoadFirst(xs + begin + j, left) - V(at.log_sum)).store_aligned(log_p + j);
        e.store_aligned(p + j);
        V(V(T(1)) - e).store_aligned(one_minus_p + j);
      });
      form.terms({log_p, p, one_minus_p, value, slope}, size, parameters);
      ForEachRegister(size, [&](int64_t j, int64_t k, int64_t left) LOSSD_ALWAYS_INLINE {
        const V a = LoadFirst(targets + begin + j, left);  // 0 past the end
        const auto is_own = LoadFirst(xs + begin + j, left) == V(at.has_largest ? T(0) : T(1));
        const V b = ZeroWhere(is_own, Weighted(a, V::load_aligned(slope + j)));
        values.Add(k, ZeroWhere(is_own, Weighted(a, V::load_aligned(value + j))));
        slopes.Add(k, b);
        StoreFirst(-b, left, xs + begin + j);
      });
      values.Flush(all_values);
      slopes.Flush(all_slopes);
    }
    return {LaneSum<T, Arch>::Reduce(all_values), LaneSum<T, Arch>::Reduce(all_slopes)};
  }

  // Writes e_j · factor − less_j · scale; `out` may be `exps`.
  LOSSD_NOINLINE static void WriteGradient(const T* exps, const T* less, int64_t count, T factor,
                                           T scale, T* out) {
    ForEachRegister(count, [&](int64_t j, int64_t, int64_t left) LOSSD_ALWAYS_INLINE {
      const V other = LoadFirst(less + j, left) * V(scale);
      StoreFirst(xsimd::fms(LoadFirst(exps + j, left), V(factor), other), left, out + j);
    });
  }

 private:
  enum class Kept { kExps, kExponents };
  static constexpr int64_t kSummed = 256;

  struct Sums {
    LOSSD_ALWAYS_INLINE void Add(int64_t k, const V& x, const V& e, const V& a) {
      const auto is_largest = x == V(T(0));
      const V other = ZeroWhere(is_largest, e);
      exps.Add(k, other);
      largest += e - other;
      targets.Add(k, ZeroWhere(is_largest, a));
      logits.Add(k, Weighted(a, x));
    }

    LaneSum<T, Arch> exps;
    V largest = V(T(0));  // whole numbers, whose order of addition makes no difference
    LaneSum<T, Arch> targets;
    LaneSum<T, Arch> logits;
  };

  // Sums of targets are of up to kSummed classes before they are added up in double. Targets are
  // often alike, and all of their sums would be rounded the same way.
  struct AllSums {
    void Flush() {
      sums.targets.Flush(targets);
      sums.logits.Flush(logits);
    }

    Sums sums;
    alignas(64) double targets[kLanes] = {};
    alignas(64) double logits[kLanes] = {};
  };

  template <Kept kKept, typename Logits, typename Writer>
  static void SumWhole(const Logits& logits, const T* targets, int64_t end, T* exps, T* xs,
                       AllSums& total, Writer& writer) {
    int64_t begin = 0;
    while (begin < end) {
      const int64_t lines = std::min(writer.Ready(), (end - begin) / kLanes);
      if (lines == 0) break;
      typename Writer::Lines waiting = writer.Take(lines);
      const int64_t stop = begin + lines * kLanes;
      SumPart<kKept>(logits, targets, begin, stop, exps, xs, total,
                     [&]() LOSSD_ALWAYS_INLINE { waiting.Write(); });
      begin = stop;
    }
    SumPart<kKept>(logits, targets, begin, end, exps, xs, total, []() LOSSD_ALWAYS_INLINE {});
  }

  // Sums classes [begin, end) and calls `meanwhile` after each kLanes of them.
  template <Kept kKept, typename Logits, typename F>
  static void SumPart(const Logits& logits, const T* targets, int64_t begin, int64_t end, T* exps,
                      T* xs, AllSums& total, F meanwhile) {
    const Logits local = logits;  // in registers
    for (int64_t j = begin; j < end;) {
      const int64_t stop = std::min(end, (j / kSummed + 1) * kSummed);
      Sums sums = total.sums;
      for (; j < stop; j += kLanes) {
        local.PrefetchNext(j);
        Prefetch(targets + j + kChunkClasses);
        for (int64_t k = 0; k < kRegisters; ++k) {
          V x;
          V e;
          local.Find(j + k * kWidth, x, e);
          e.store_unaligned(exps + j + k * kWidth);
          if constexpr (kKept == Kept::kExponents) x.store_unaligned(xs + j + k * kWidth);
          sums.Add(k, x, e, V::load_unaligned(targets + j + k * kWidth));
        }
        meanwhile();
      }
      total.sums = sums;
      if (stop % kSummed == 0) total.Flush();
    }
  }

  // Sums the classes past the last whole kLanes.
  template <typename Logits>
  LOSSD_NOINLINE static void SumTail(const Logits& logits, const T* targets, int64_t count, T* exps,
                                     T* xs, Sums& sums) {
    const int64_t left = count % kLanes;
    const int64_t whole = count - left;
    alignas(64) T memory[static_cast<size_t>(Logits::kPaddedMemory)];
    alignas(64) T a[kLanes] = {};
    alignas(64) T e[kLanes];
    alignas(64) T x[kLanes];
    std::copy(targets + whole, targets + count, a);
    const Logits padded = logits.From(whole).Padded(left, memory);
    for (int64_t k = 0; k < kRegisters; ++k) {
      V exponent;
      V exp;
      padded.Find(k * kWidth, exponent, exp);
      exp.store_aligned(e + k * kWidth);
      exponent.store_aligned(x + k * kWidth);
      sums.Add(k, exponent, exp, V::load_aligned(a + k * kWidth));
    }
    std::copy(e, e + left, exps + whole);
    if (xs != nullptr) std::copy(x, x + left, xs + whole);
  }

  LOSSD_ALWAYS_INLINE static V MadeAt(const T* targets, const TargetMaking<T>& making, int64_t j,
                                      int64_t left) {
    const V y = xsimd::fma(LoadFirst(targets + j, left), V(making.keep), V(making.spread));
    return making.weights == nullptr ? y : y * LoadFirst(making.weights + j, left);
  }

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

  LOSSD_ALWAYS_INLINE static V KeepFirst(const V& v, int64_t count) {
    alignas(64) T lanes[V::size];
    v.store_aligned(lanes);
    std::fill(lanes + count, lanes + kWidth, T(0));
    return V::load_aligned(lanes);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TARGET_PASSES_INL_H_
