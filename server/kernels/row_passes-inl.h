#ifndef LOSSD_SERVER_KERNELS_ROW_PASSES_INL_H_
#define LOSSD_SERVER_KERNELS_ROW_PASSES_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "server/kernels/lanes-inl.h"

namespace lossd::kernels {

// A row's softmax with its largest logit, class m, held out: then log p_m = -log1p(rest) and
// 1 - p_m = rest / (1 + rest) keep full relative accuracy where the model is sure, which
// log_softmax followed by 1 - exp() does not.
struct HeldOut {
  int64_t arg_max = 0;  // the first of equals
  double max = 0;
  double rest = 0;  // sum over j != m of exp(z_j - z_m)
};

// Passes over one row of `count` logits, any alignment.
template <typename T, class Arch>
class RowPasses {
 public:
  using V = Batch<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kRegisters = kLanes / kWidth;

  // NaN never becomes the maximum: it reaches the results through the sum.
  static int64_t ArgMax(const T* z, int64_t count) {
    constexpr int64_t kBlock = 512;
    T best = -kInfinity<T>;
    int64_t best_block = 0;
    for (int64_t begin = 0; begin < count; begin += kBlock) {
      const T block_max = Max(z + begin, std::min(kBlock, count - begin));
      if (block_max > best) {
        best = block_max;
        best_block = begin;
      }
    }
    return best_block + FirstEqual(z + best_block, std::min(kBlock, count - best_block), best);
  }

  // Writes exp(z_j - z_m) to `exps` (may be null) and sums them without class m.
  static double SumExps(const T* z, int64_t count, int64_t arg_max, T* exps) {
    constexpr int64_t kFlushChunks = 128;
    const V max(z[arg_max]);
    const int64_t whole_chunks = count / kLanes;
    const int64_t held_out_chunk = arg_max / kLanes;
    LaneSum<T, Arch> sum;
    double totals[kLanes] = {};
    for (int64_t chunk = 0; chunk < whole_chunks; ++chunk) {
      const int64_t j = chunk * kLanes;
      if (chunk == held_out_chunk) {
        SumMasked(z + j, 0, arg_max - j, max, OrNull(exps, j), sum);
      } else {
        for (int64_t k = 0; k < kRegisters; ++k) {
          const V e = xsimd::exp(V::load_unaligned(z + j + k * kWidth) - max);
          if (exps != nullptr) e.store_unaligned(exps + j + k * kWidth);
          sum.Add(k, e);
        }
      }
      if ((chunk + 1) % kFlushChunks == 0) sum.Flush(totals);
    }
    if (count % kLanes != 0) SumTail(z, count, arg_max, max, exps, sum);
    sum.Flush(totals);
    if (exps != nullptr) exps[arg_max] = T(1);
    // 0 unless the largest logit is infinite or NaN, which then reaches the whole row.
    const double poison = static_cast<double>(z[arg_max]) - static_cast<double>(z[arg_max]);
    return LaneSum<T, Arch>::Reduce(totals) + poison;
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
  // The index of the first element equal to `value`; 0 when there is none.
  static int64_t FirstEqual(const T* z, int64_t count, T value) {
    int64_t j = 0;
    for (; j + kLanes <= count; j += kLanes) {
      bool found = false;
      for (int64_t k = 0; k < kRegisters; ++k) {
        found |= xsimd::any(V::load_unaligned(z + j + k * kWidth) == V(value));
      }
      if (found) break;
    }
    for (; j < count; ++j) {
      if (z[j] == value) return j;
    }
    return 0;
  }

  static T Max(const T* z, int64_t count) {
    if (count < kLanes) return MaxShort(z, count);
    V max[static_cast<size_t>(kRegisters)];
    for (V& v : max) v = V(-kInfinity<T>);
    const auto take = [&](int64_t j) {
      for (int64_t k = 0; k < kRegisters; ++k) {
        const V v = V::load_unaligned(z + j + k * kWidth);
        max[k] = xsimd::select(v > max[k], v, max[k]);
      }
    };
    for (int64_t j = 0; j + kLanes <= count; j += kLanes) take(j);
    take(count - kLanes);
    alignas(64) T lanes[kLanes];
    for (int64_t k = 0; k < kRegisters; ++k) max[k].store_aligned(lanes + k * kWidth);
    return MaxShort(lanes, kLanes);
  }

  static T MaxShort(const T* z, int64_t count) {
    T best = -kInfinity<T>;
    for (int64_t j = 0; j < count; ++j) best = z[j] > best ? z[j] : best;
    return best;
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

  static T* OrNull(T* values, int64_t offset) {
    return values == nullptr ? nullptr : values + offset;
  }

  // One chunk whose elements before `first` and at `held_out` (negative: none) are not summed. They
  // are written all the same: the ones before `first` were, with the same bits.
  static void SumMasked(const T* in, int64_t first, int64_t held_out, const V& max, T* out,
                        LaneSum<T, Arch>& sum) {
    alignas(64) T summed[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) summed[i] = i < first || i == held_out ? T(0) : T(1);
    for (int64_t k = 0; k < kRegisters; ++k) {
      const V e = xsimd::exp(V::load_unaligned(in + k * kWidth) - max);
      if (out != nullptr) e.store_unaligned(out + k * kWidth);
      const V zero(T(0));
      sum.Add(k, xsimd::select(V::load_aligned(summed + k * kWidth) == zero, zero, e));
    }
  }

  // The elements past the last whole chunk: by the last kLanes of the row, or, where the row has no
  // more, by a copy.
  static void SumTail(const T* z, int64_t count, int64_t arg_max, const V& max, T* exps,
                      LaneSum<T, Arch>& sum) {
    if (count >= kLanes) {
      const int64_t start = count - kLanes;
      SumMasked(z + start, kLanes - count % kLanes, arg_max - start, max, OrNull(exps, start), sum);
      return;
    }
    alignas(64) T in[kLanes];
    alignas(64) T out[kLanes];
    std::fill(in, in + kLanes, -kInfinity<T>);
    std::copy(z, z + count, in);
    SumMasked(in, 0, arg_max, max, out, sum);
    if (exps != nullptr) std::copy(out, out + count, exps);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROW_PASSES_INL_H_
