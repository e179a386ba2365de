#ifndef LOSSD_SERVER_KERNELS_ROWS_ROW_SOFTMAX_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_ROW_SOFTMAX_INL_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Reduces a whole row, chunk by chunk.
template <typename T, typename Arch>
class RowSoftmax {
 public:
  // Asks `logits_at(begin, count)` once for the logits of each chunk, in order. Writes the
  // exponentials relative to the largest logit of their chunk to `exps` [class_count], and these
  // largest logits to `maxima`, one for each kChunkClasses. A row without a largest logit, or with
  // an infinite one, is NaN.
  template <typename LogitsAt, typename Writer>
  static HeldOut<T> Reduce(LogitsAt logits_at, int64_t class_count, T* exps, T* maxima,
                           Writer& writer) {
    const auto reduce = [&](int64_t begin, int64_t count, T* of_chunk) LOSSD_ALWAYS_INLINE {
      const T* const z = logits_at(begin, count);
      return RowPasses<T, Arch>::Reduce(z, count, of_chunk, writer);
    };
    return ReduceChunks(reduce, class_count, exps, maxima);
  }

  // Does the same by reduce(begin, count, exps), which reduces a chunk and writes its exponentials.
  template <typename ReduceChunk>
  LOSSD_ALWAYS_INLINE static HeldOut<T> ReduceChunks(ReduceChunk reduce, int64_t class_count,
                                                     T* exps, T* maxima) {
    HeldOut<T> row;
    row.max = -kInfinity<T>;
    for (int64_t begin = 0; begin < class_count; begin += kChunkClasses) {
      const int64_t count = std::min(kChunkClasses, class_count - begin);
      const HeldOut<T> chunk = reduce(begin, count, exps + begin);
      *maxima++ = chunk.max;
      Merge(chunk, row);
    }
    if (row.max == -kInfinity<T>) row.rest = std::numeric_limits<double>::quiet_NaN();
    return row;
  }

  // Returns exp(chunk_max − row_max), the factor that makes the chunk's exponentials the row's.
  static double Ratio(T chunk_max, T row_max) {
    if (chunk_max == row_max) return 1;
    const double difference = static_cast<double>(chunk_max) - static_cast<double>(row_max);
    return First(ExpNonPositive(Lanes<double, Arch>(difference)));
  }

 private:
  // Adds a chunk to the row. The part with the smaller maximum has all of its exponentials in the
  // sum.
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

#endif  // LOSSD_SERVER_KERNELS_ROWS_ROW_SOFTMAX_INL_H_
