#ifndef LOSSD_SERVER_KERNELS_ROWS_ROW_PASSES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_ROW_PASSES_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// The softmax of a chunk of classes with its largest logit, class m, held out. log p_m =
// −log1p(rest) and 1 − p_m = rest / (1 + rest) then keep full relative accuracy where the model is
// sure; log_softmax followed by 1 − exp() does not.
template <typename T>
struct HeldOut {
  T max = 0;
  double rest = 0;  // Σ over j ≠ m of exp(z_j − z_m)
};

// Logits of a chunk as their exponentials need them: less the largest.
template <typename T, typename Arch>
class PlainLogits {
 public:
  using V = Lanes<T, Arch>;

  PlainLogits(const T* z, T max) : z_(z), max_(max) {}

  // Finds the difference to the largest, and its exponential, of logits j, j + 1, ... Returns what
  // is kept of them.
  LOSSD_ALWAYS_INLINE V Find(int64_t j, V& x, V& e) const {
    V minus_one;
    FindParts(j, x, e, minus_one);
    return e;
  }
  // Finds e^x − 1 too, where the size of x is below ln 2 / 2.
  LOSSD_ALWAYS_INLINE void FindParts(int64_t j, V& x, V& e, V& minus_one) const {
    x = V::load_unaligned(z_ + j) - max_;
    e = ExpNonPositive(x, minus_one);
  }
  LOSSD_ALWAYS_INLINE void PrefetchNext(int64_t j) const { Prefetch(z_ + j + kChunkClasses); }

  // Returns the same from logit `begin` on.
  PlainLogits From(int64_t begin) const { return PlainLogits(z_ + begin, max_); }

  // Returns the same of fewer than kLanes logits, which `memory` holds, followed by −∞.
  PlainLogits Padded(int64_t count, T* memory) const {
    std::fill(memory, memory + kLanes, -kInfinity<T>);
    std::memcpy(memory, static_cast<const void*>(z_), static_cast<size_t>(count) * sizeof(T));
    return PlainLogits(memory, max_);
  }
  static constexpr int64_t kPaddedMemory = kLanes;

 private:
  explicit PlainLogits(const T* z, const V& max) : z_(z), max_(max) {}

  const T* z_;
  V max_;
};

// Passes over at most kChunkClasses logits of a row, which need not be aligned as their type.
template <typename T, typename Arch>
class RowPasses {
 public:
  using V = Lanes<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kRegisters = kLanes / kWidth;

  // Writes exp(z_j − z_m) to `exps`, and meanwhile the lines that wait in `writer`. A chunk without
  // a largest logit (all are NaN or −∞) has an infinite `max`, and the exponentials of its logits
  // themselves.
  template <typename Writer>
  static HeldOut<T> Reduce(const T* z, int64_t count, T* exps, Writer& writer) {
    HeldOut<T> held;
    held.max = Max(z, count);
    const bool any = held.max != -kInfinity<T>;
    const PlainLogits<T, Arch> logits(z, any ? held.max : T(0));
    held.rest = ReduceExps(logits, count, any, exps, writer);
    return held;
  }

  // Writes what `logits` keep of theirs, and returns the sum of all exponentials but one of the
  // largest; where there is none, `any` is false, of all.
  template <typename Logits, typename Writer>
  static double ReduceExps(const Logits& logits, int64_t count, bool any, T* exps, Writer& writer) {
    ExpSums sums;
    ReduceInto(logits, count, exps, sums, writer);
    // One of the largest is class m; the others belong to the rest. A NaN is in the sum, and so is
    // an infinite largest logit, as inf - inf.
    return sums.others.Total() + (sums.Largest() - (any ? 1 : 0));
  }

  // Sums of exponentials. Those of the largest logit, exactly 1, are summed apart: adding them and
  // taking one away again costs the others no digits. Looking for the first of them to leave it out
  // would cost branches that no CPU foresees.
  struct ExpSums {
    // Adds `e`, which is exp(x), or 0 where it does not count. The last is what is kept of it.
    LOSSD_ALWAYS_INLINE void Add(int64_t register_index, const V& x, const V& e, const V&) {
      const V other = ZeroWhere(x == V(T(0)), e);
      others.Add(register_index, other);
      largest += e - other;
    }

    // Returns how many of the largest there are, or NaN.
    double Largest() const { return static_cast<double>(xsimd::hadd(largest)); }

    LaneSum<T, Arch> others;
    V largest = V(T(0));  // whole numbers, whose order of addition makes no difference
  };

  // Writes what `logits` keep of their exponentials, and meanwhile the lines that wait in `writer`,
  // and adds to `sums`, which are ExpSums or more.
  template <typename Logits, typename Sums, typename Writer>
  static void ReduceInto(const Logits& logits, int64_t count, T* exps, Sums& sums, Writer& writer) {
    const int64_t whole = count / kLanes * kLanes;
    SumWhole(logits, 0, whole, exps, sums, writer);
    if (whole < count) SumTail(logits, count, exps, sums);
  }

  // Returns the largest; NaN never is.
  static T Max(const T* z, int64_t count) {
    if (count < kLanes) return MaxShort(z, count);
    // There are enough registers that the loop waits for loads and not for comparisons.
    constexpr int64_t kMany = 64 / kWidth;
    V max[static_cast<size_t>(kMany)];
    for (V& v : max) v = V(-kInfinity<T>);
    int64_t j = 0;
    for (; j + kMany * kWidth <= count; j += kMany * kWidth) {
      for (int64_t k = 0; k < kMany; ++k) {
        max[k] = MaxOf(V::load_unaligned(z + j + k * kWidth), max[k]);
      }
    }
    for (; j + kWidth <= count; j += kWidth) max[0] = MaxOf(V::load_unaligned(z + j), max[0]);
    max[0] = MaxOf(V::load_unaligned(z + count - kWidth), max[0]);
    for (int64_t k = 1; k < kMany; ++k) max[0] = MaxOf(max[k], max[0]);
    return LargestOf(max[0]);
  }

  // Returns the index of the first element equal to `value`, 0 where there is none.
  static int64_t FirstEqual(const T* z, int64_t count, T value) {
    const V wanted(value);
    int64_t j = 0;
    for (; j + 2 * kLanes <= count; j += 2 * kLanes) {
      auto found = V::load_unaligned(z + j) == wanted;
      for (int64_t k = 1; k < 2 * kRegisters; ++k) {
        found = found | (V::load_unaligned(z + j + k * kWidth) == wanted);
      }
      if (xsimd::any(found)) break;
    }
    for (; j < count; ++j) {
      if (Load<Arch>(z + j) == value) return j;
    }
    return 0;
  }

  // Writes out_j = in_j · factor; `out` may be `in`.
  static void Scale(const T* in, int64_t count, T factor, T* out) {
    Map(in, count, out, [f = V(factor)](const V& v) { return v * f; });
  }

  // Writes out_j = f(in_j), element by element; `out` may be `in`.
  template <typename F>
  static void Map(const T* in, int64_t count, T* out, F f) {
    if (count < kLanes) {
      MapShort(in, count, out, f);
      return;
    }
    // The last elements are computed again, so that no register is partial; they are read before
    // any is overwritten.
    const int64_t last = count - kLanes;
    V tail[static_cast<size_t>(kRegisters)];
    for (int64_t k = 0; k < kRegisters; ++k) tail[k] = V::load_unaligned(in + last + k * kWidth);
    for (int64_t j = 0; j + kLanes <= count; j += kLanes) {
      for (int64_t k = 0; k < kRegisters; ++k) {
        f(V::load_unaligned(in + j + k * kWidth)).store_unaligned(out + j + k * kWidth);
      }
    }
    for (int64_t k = 0; k < kRegisters; ++k) f(tail[k]).store_unaligned(out + last + k * kWidth);
  }

 private:
  static T MaxShort(const T* z, int64_t count) {
    T best = -kInfinity<T>;
    for (int64_t j = 0; j < count; ++j) best = std::max(best, Load<Arch>(z + j));
    return best;
  }

  // Sums elements [begin, end), a multiple of kLanes of them.
  template <typename Logits, typename Sums, typename Writer>
  static void SumWhole(const Logits& logits, int64_t begin, int64_t end, T* exps, Sums& total,
                       Writer& writer) {
    while (begin < end) {
      const int64_t lines = std::min(writer.Ready(), (end - begin) / kLanes);
      if (lines == 0) break;
      typename Writer::Lines waiting = writer.Take(lines);
      const int64_t stop = begin + lines * kLanes;
      SumPart(logits, begin, stop, exps, total, [&] { waiting.Write(); });
      begin = stop;
    }
    SumPart(logits, begin, end, exps, total, [] {});
  }

  // Sums elements [begin, end) and calls `meanwhile` after each kLanes of them.
  template <typename Logits, typename Sums, typename F>
  static void SumPart(const Logits& logits, int64_t begin, int64_t end, T* exps, Sums& total,
                      F meanwhile) {
    Sums sums = total;
    const Logits local = logits;  // in registers
    for (int64_t j = begin; j < end; j += kLanes) {
      local.PrefetchNext(j);
      for (int64_t k = 0; k < kRegisters; ++k) {
        V x;
        V e;
        const V kept = local.Find(j + k * kWidth, x, e);
        kept.store_unaligned(exps + j + k * kWidth);
        sums.Add(k, x, e, kept);
      }
      meanwhile();
    }
    total = sums;
  }

  template <typename F>
  static void MapShort(const T* in, int64_t count, T* out, F f) {
    alignas(64) T buffer[kLanes] = {};
    std::copy(in, in + count, buffer);
    for (int64_t k = 0; k < kRegisters; ++k) {
      f(V::load_aligned(buffer + k * kWidth)).store_aligned(buffer + k * kWidth);
    }
    std::copy(buffer, buffer + count, out);
  }

  // Sums kLanes elements from `begin` on but those before `first`. It writes these all the same:
  // they were written before, with the same bits.
  template <typename Logits, typename Sums>
  static void SumFrom(int64_t first, const Logits& logits, int64_t begin, T* out, Sums& sums) {
    static_assert(kLanes == 16);
    alignas(64) static constexpr T kSummed[2 * kLanes] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
        1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    };
    const T* const summed = kSummed + kLanes - first;
    for (int64_t k = 0; k < kRegisters; ++k) {
      V x;
      V e;
      const V kept = logits.Find(begin + k * kWidth, x, e);
      kept.store_unaligned(out + k * kWidth);
      const auto is_left = V::load_unaligned(summed + k * kWidth) == V(T(0));
      sums.Add(k, x, ZeroWhere(is_left, e), kept);
    }
  }

  // Sums the elements past the last whole kLanes: by the last kLanes of the chunk, or, where the
  // chunk is shorter, by a copy.
  template <typename Logits, typename Sums>
  static void SumTail(const Logits& logits, int64_t count, T* exps, Sums& sums) {
    if (count >= kLanes) {
      const int64_t start = count - kLanes;
      SumFrom(kLanes - count % kLanes, logits, start, exps + start, sums);
      return;
    }
    alignas(64) T in[static_cast<size_t>(Logits::kPaddedMemory)];
    alignas(64) T out[kLanes];
    SumFrom(0, logits.Padded(count, in), 0, out, sums);
    std::copy(out, out + count, exps);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_ROW_PASSES_INL_H_
