#ifndef LOSSD_SERVER_KERNELS_ROWS_TARGET_ROWS_SUMS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TARGET_ROWS_SUMS_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/row_writer-inl.h"
#include "server/kernels/rows/shaped_chunk-inl.h"
#include "server/kernels/rows/target_form-inl.h"
#include "server/kernels/rows/target_group-inl.h"
#include "server/kernels/rows/target_lanes-inl.h"
#include "server/kernels/rows/target_lanes_terms-inl.h"
#include "server/kernels/rows/target_passes-inl.h"
#include "server/kernels/rows/target_rows-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/sum-inl.h"
#include "server/kernels/stores.h"
#include "server/kernels/target_rows.h"
#include "server/kernels/workspace.h"

// Sums the rows of TargetRowsKernel, chunk by chunk.

namespace lossd::kernels {

template <typename T, typename Arch>
inline void TargetRowsKernel<T, Arch>::ReduceRow(int64_t i, Writer& writer, Group& group) {
  TargetHeldOut<T> row;
  double entropy = 0;
  if (rows_.left[begin_ + i] == 0) entropy = MakeTargets(i);
  for (int64_t begin = 0; rows_.left[begin_ + i] == 0 && begin < classes_; begin += kChunkClasses) {
    const int64_t count = std::min(kChunkClasses, classes_ - begin);
    const TargetHeldOut<T> chunk = ReduceChunk(i, begin, count, writer);
    MaximaOf(i)[begin / kChunkClasses] = chunk.max;
    Merge(chunk, begin, row);
  }
  if (row.max == -kInfinity<T>) rows_.left[begin_ + i] = 1;
  held_[i] = {row.max, row.largest};
  group.max[i] = static_cast<double>(row.max) * rows_.scale;
  group.rest[i] = row.rest;
  group.largest_target[i] = row.largest_target;
  group.other_targets[i] = row.other_targets;
  group.logit_sum[i] = row.logit_sum;
  group.entropy[i] = entropy;
}

template <typename T, typename Arch>
inline double TargetRowsKernel<T, Arch>::MakeTargets(int64_t i) {
  if (!MakesTargets() && !form_.adds_target_entropy) return 0;
  const T* const given = GivenTargetsOf(i);
  TargetMaking<T> making;
  if (rows_.smoothing != 0) {
    making.keep = static_cast<T>(1 - rows_.smoothing);
    making.spread = static_cast<T>(rows_.smoothing / static_cast<double>(classes_) *
                                   SumInLanes<Arch>(given, classes_));
  }
  double entropy = 0;
  for (int64_t begin = 0; begin < classes_; begin += kChunkClasses) {
    const int64_t count = std::min(kChunkClasses, classes_ - begin);
    if (rows_.class_weights != nullptr) making.weights = rows_.class_weights + begin;
    if (MakesTargets()) Passes::Make(given + begin, count, making, MadeTargetsOf(i) + begin);
    if (form_.adds_target_entropy) entropy += Passes::SumEntropy(given + begin, count, making);
  }
  return entropy;
}

template <typename T, typename Arch>
inline TargetHeldOut<T> TargetRowsKernel<T, Arch>::ReduceChunk(int64_t i, int64_t begin,
                                                               int64_t count, Writer& writer) {
  const T* const z = source_.At((begin_ + i) * classes_ + begin, count);
  const T* const targets = TargetsOf(i) + begin;
  T* const xs = form_.is_cross_entropy() ? nullptr : TermsOf(i) + begin;
  TargetHeldOut<T> chunk;
  chunk.max = RowPasses<T, Arch>::Max(z, count);
  const T max = chunk.max == -kInfinity<T> ? T(0) : chunk.max;
  if (rows_.scale == 1) {
    const PlainLogits<T, Arch> logits(z, max);
    Passes::Reduce(logits, z, targets, count, ExpsOf(i) + begin, xs, writer, chunk);
  } else {
    const ShapedLogits<T, Arch, false> logits(z, nullptr, {max, T(0)}, scale_);
    Passes::Reduce(logits, z, targets, count, ExpsOf(i) + begin, xs, writer, chunk);
  }
  return chunk;
}

template <typename T, typename Arch>
inline void TargetRowsKernel<T, Arch>::Merge(const TargetHeldOut<T>& chunk, int64_t begin,
                                             TargetHeldOut<T>& row) const {
  constexpr T kNone = -kInfinity<T>;
  if (chunk.max == kNone || row.max == kNone) {
    const TargetHeldOut<T> other = chunk.max == kNone ? chunk : row;
    if (chunk.max != kNone) row = chunk;
    if (chunk.max != kNone && chunk.largest >= 0) row.largest += begin;
    row.rest += other.rest;  // 0, or NaN
    row.other_targets += other.other_targets;
    row.logit_sum += other.logit_sum;
    return;
  }
  const double difference = Difference(chunk.max, row.max);
  const bool is_larger = difference > 0;
  TargetHeldOut<T> of = chunk;
  if (of.largest >= 0) of.largest += begin;
  const TargetHeldOut<T>& larger = is_larger ? of : row;
  const TargetHeldOut<T>& smaller = is_larger ? row : of;
  const double targets = smaller.other_targets + smaller.largest_target;
  TargetHeldOut<T> sum = larger;
  sum.rest += (smaller.rest + 1) * Ratio(smaller.max, larger.max);
  sum.other_targets += targets;
  sum.logit_sum +=
      smaller.logit_sum + (targets == 0 ? 0 : targets * Difference(smaller.max, larger.max));
  if (difference == 0) {
    // None is held out.
    sum.other_targets += sum.largest_target;
    sum.largest_target = 0;
    sum.largest = -1;
  }
  row = sum;
}

template <typename T, typename Arch>
inline void TargetRowsKernel<T, Arch>::AddTerms(int64_t i, Group& group) {
  group.other_values[i] = group.other_slopes[i] = 0;
  if (rows_.left[begin_ + i] != 0) return;
  TermSums row;
  ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
    TermPoint<T> at;
    at.log_sum = static_cast<T>(group.log1p_rest[i] +
                                Difference(held_[i].max, MaximaOf(i)[begin / kChunkClasses]));
    at.factor = static_cast<T>(group.p_max[i] * ratio);
    const int64_t m = held_[i].largest;
    at.has_largest = m >= begin && m < begin + count;
    const TermSums sums = Passes::AddTerms(form_, parameters_, at, TargetsOf(i) + begin, count,
                                           ExpsOf(i) + begin, TermsOf(i) + begin);
    row.value += sums.value;
    row.slope += sums.slope;
  });
  group.other_values[i] = row.value;
  group.other_slopes[i] = row.slope;
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TARGET_ROWS_SUMS_INL_H_
