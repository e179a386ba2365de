#ifndef LOSSD_SERVER_KERNELS_ROW_PASSES_INL_H_
#define LOSSD_SERVER_KERNELS_ROW_PASSES_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "server/kernels/exponential-inl.h"
#include "server/kernels/lanes-inl.h"
#include "server/kernels/logit_source-inl.h"

namespace lossd::kernels {

// The softmax of a chunk of classes with its largest logit, class m, held out: then
// log p_m = -log1p(rest) and 1 - p_m = rest / (1 + rest) keep full relative accuracy where the
// model is sure, which log_softmax followed by 1 - exp() does not.
template <typename T>
struct HeldOut {
  int64_t arg_max = 0;  // the first of equals
  T max = 0;
  double rest = 0;  // sum over j != m of exp(z_j - z_m)
};

// Passes over at most kChunkClasses logits of a row, which need not be aligned as their type.
template <typename T, class Arch>
class RowPasses {
 public:
  using V = Batch<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kRegisters = kLanes / kWidth;

  // Writes exp(z_j - z_m) to `exps`, and what `writer` has waiting meanwhile. A chunk without a
  // largest (all NaN or -inf) has an infinite `max`, and the exponentials of its logits themselves.
  template <class Writer>
  static HeldOut<T> Reduce(const T* z, int64_t count, T* exps, Writer& writer) {
    HeldOut<T> held;
    held.max = Max(z, count);
    const bool any = held.max != -kInfinity<T>;
    if (any) held.arg_max = FirstEqual(z, count, held.max);
    held.rest = SumExps(z, count, held.arg_max, any ? held.max : T(0), exps, writer);
    return held;
  }

  // out_j = in_j * factor; `out` may be `in`.
  static void Scale(const T* in, int64_t count, T factor, T* out) {
    Map(in, count, out, [f = V(factor)](const V& v) { return v * f; });
  }

  // out_j = f(in_j), element by element; `out` may be `in`.
  template <class F>
  static void Map(const T* in, int64_t count, T* out, F f) {
    if (count < kLanes) {
      MapShort(in, count, out, f);
      return;
    }
    // The last elements again, read before any is overwritten: no partial registers.
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
  // The index of the first element equal to `value`, which is there.
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

  // The largest; NaN never is.
  static T Max(const T* z, int64_t count) {
    if (count < kLanes) return MaxShort(z, count);
    // Enough of them that loads are waited for and not the comparisons.
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
    alignas(64) T lanes[V::size];
    max[0].store_aligned(lanes);
    return MaxShort(lanes, kWidth);
  }

  static T MaxShort(const T* z, int64_t count) {
    T best = -kInfinity<T>;
    for (int64_t j = 0; j < count; ++j) best = std::max(best, Load<Arch>(z + j));
    return best;
  }

  // Writes exp(z_j - max) to `exps` and sums them without class `arg_max`.
  template <class Writer>
  static double SumExps(const T* z, int64_t count, int64_t arg_max, T max_value, T* exps,
                        Writer& writer) {
    const V max(max_value);
    const int64_t whole = count / kLanes * kLanes;
    const int64_t held_out = std::min(arg_max / kLanes * kLanes, whole);
    LaneSum<T, Arch> sum;
    SumWhole(z, 0, held_out, max, exps, sum, writer);
    if (held_out < whole) {
      SumMasked(z + held_out, 0, arg_max - held_out, max, exps + held_out, sum);
      SumWhole(z, held_out + kLanes, whole, max, exps, sum, writer);
    }
    if (whole < count) SumTail(z, count, arg_max, max, exps, sum);
    exps[arg_max] = T(1);
    return sum.Total();
  }

  // Elements [begin, end), a multiple of kLanes of them.
  template <class Writer>
  static void SumWhole(const T* z, int64_t begin, int64_t end, const V& max, T* exps,
                       LaneSum<T, Arch>& total, Writer& writer) {
    while (begin < end) {
      const int64_t lines = std::min(writer.Ready(), (end - begin) / kLanes);
      if (lines == 0) break;
      typename Writer::Lines waiting = writer.Take(lines);
      const int64_t stop = begin + lines * kLanes;
      SumPart(z, begin, stop, max, exps, total, [&] { waiting.Write(); });
      begin = stop;
    }
    SumPart(z, begin, end, max, exps, total, [] {});
  }

  // Calls `meanwhile` for each kLanes elements.
  template <class F>
  static void SumPart(const T* z, int64_t begin, int64_t end, const V& max, T* exps,
                      LaneSum<T, Arch>& total, F meanwhile) {
    LaneSum<T, Arch> sum = total;
    for (int64_t j = begin; j < end; j += kLanes) {
      Prefetch(z + j + kChunkClasses);
      for (int64_t k = 0; k < kRegisters; ++k) {
        const V e = ExpNonPositive(V(V::load_unaligned(z + j + k * kWidth) - max));
        e.store_unaligned(exps + j + k * kWidth);
        sum.Add(k, e);
      }
      meanwhile();
    }
    total = sum;
  }

  template <class F>
  static void MapShort(const T* in, int64_t count, T* out, F f) {
    alignas(64) T buffer[kLanes] = {};
    std::copy(in, in + count, buffer);
    for (int64_t k = 0; k < kRegisters; ++k) {
      f(V::load_aligned(buffer + k * kWidth)).store_aligned(buffer + k * kWidth);
    }
    std::copy(buffer, buffer + count, out);
  }

  // kLanes elements of which those before `first` and at `held_out` (negative: none) are not
  // summed. They are written all the same: the ones before `first` were, with the same bits.
  static void SumMasked(const T* in, int64_t first, int64_t held_out, const V& max, T* out,
                        LaneSum<T, Arch>& sum) {
    alignas(64) T summed[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) summed[i] = i < first || i == held_out ? T(0) : T(1);
    for (int64_t k = 0; k < kRegisters; ++k) {
      const V e = ExpNonPositive(V(V::load_unaligned(in + k * kWidth) - max));
      e.store_unaligned(out + k * kWidth);
      const V zero(T(0));
      sum.Add(k, xsimd::select(V::load_aligned(summed + k * kWidth) == zero, zero, e));
    }
  }

  // The elements past the last whole kLanes: by the last kLanes of the chunk, or, where it has no
  // more, by a copy.
  static void SumTail(const T* z, int64_t count, int64_t arg_max, const V& max, T* exps,
                      LaneSum<T, Arch>& sum) {
    if (count >= kLanes) {
      const int64_t start = count - kLanes;
      SumMasked(z + start, kLanes - count % kLanes, arg_max - start, max, exps + start, sum);
      return;
    }
    alignas(64) T in[kLanes];
    alignas(64) T out[kLanes];
    std::fill(in, in + kLanes, -kInfinity<T>);
    std::memcpy(in, static_cast<const void*>(z), static_cast<size_t>(count) * sizeof(T));
    SumMasked(in, 0, arg_max, max, out, sum);
    std::copy(out, out + count, exps);
  }
};

// A whole row, chunk by chunk.
template <typename T, class Arch>
class RowSoftmax {
 public:
  // `logits_at(begin, count)` is where those of some classes are; it is asked once for each of
  // them, in order. `exps` [class_count] takes the exponentials relative to the largest logit of
  // their chunk, and `maxima`, one for each kChunkClasses, those. A row without a largest logit, or
  // with an infinite one, is NaN.
  template <class LogitsAt, class Writer>
  static HeldOut<T> Reduce(LogitsAt logits_at, int64_t class_count, T* exps, T* maxima,
                           Writer& writer) {
    HeldOut<T> row;
    row.max = -kInfinity<T>;
    for (int64_t begin = 0; begin < class_count; begin += kChunkClasses) {
      const int64_t count = std::min(kChunkClasses, class_count - begin);
      const T* const z = logits_at(begin, count);
      HeldOut<T> chunk = RowPasses<T, Arch>::Reduce(z, count, exps + begin, writer);
      // 0 unless the largest logit is NaN or infinite.
      const T largest = Load<Arch>(z + chunk.arg_max);
      // NOLINTNEXTLINE(misc-redundant-expression)
      if (!(largest == -kInfinity<T>)) chunk.rest += static_cast<double>(largest - largest);
      chunk.arg_max += begin;
      *maxima++ = chunk.max;
      Merge(chunk, row);
    }
    if (row.max == -kInfinity<T>) row.rest = std::numeric_limits<double>::quiet_NaN();
    return row;
  }

  // exp(chunk_max - row_max), by which the chunk's exponentials become the row's.
  static double Ratio(T chunk_max, T row_max) {
    if (chunk_max == row_max) return 1;
    const double difference = static_cast<double>(chunk_max) - static_cast<double>(row_max);
    return First(ExpNonPositive(Batch<double, Arch>(difference)));
  }

 private:
  // Of two parts of a row, the one with the smaller maximum has all of its exponentials in the sum.
  static void Merge(const HeldOut<T>& chunk, HeldOut<T>& row) {
    if (chunk.max > row.max) {
      const double before = (row.rest + 1) * Ratio(row.max, chunk.max);
      row = chunk;
      row.rest += before;
    } else if (chunk.max > -kInfinity<T>) {
      row.rest += (chunk.rest + 1) * Ratio(chunk.max, row.max);
    } else {
      row.rest += chunk.rest;  // 0, or NaN
    }
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROW_PASSES_INL_H_
