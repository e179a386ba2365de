#ifndef LOSSD_SERVER_LOSS_RUN_H_
#define LOSSD_SERVER_LOSS_RUN_H_

#include <cstdint>

#include "absl/types/span.h"
#include "server/kernels/kernels.h"
#include "server/loss/batch.h"
#include "server/loss/class_terms.h"
#include "server/loss/compute.h"
#include "server/loss/logit_transform.h"
#include "server/loss/loss_spec.h"
#include "server/loss/sample_labels.h"
#include "server/loss/sample_records.h"

namespace lossd::loss {

// HessianMode::kPositive: no element is smaller, so that a booster can divide by it.
inline constexpr double kHessianFloor = 1e-16;

inline kernels::Curvature CurvatureOf(const ComputeOptions& options) {
  return options.hessian_mode == HessianMode::kPositive ? kernels::Curvature::kPositive
                                                        : kernels::Curvature::kExact;
}

// Where an output's entry `index` goes; null when the output is not wanted.
template <typename T>
T* At(absl::Span<T> values, int64_t index) {
  return values.empty() ? nullptr : values.data() + index;
}

// Matrices of this many bytes and more are written past the caches.
inline constexpr size_t kStreamingBytes = size_t{8} << 20;

// Outputs in the element type of the logits; losses are always there, the others may be empty.
template <typename T>
struct TypedOutputs {
  absl::Span<T> losses;
  absl::Span<T> gradient;
  absl::Span<T> hessian_diagonal;
  absl::Span<T> probabilities;
  absl::Span<T> log_sum_exp;
};

// Everything that the computation of a block of samples reads, resolved once for the batch.
template <typename T>
struct Run {
  const Batch& batch;
  const LossSpec& spec;
  const ComputeOptions& options;
  const ClassTerms& terms;
  const LogitTransform& transform;
  ElementLabels labels;
  absl::Span<const T> logits;
  TypedOutputs<T> outputs;
  SampleRecords& records;
  double derivative_scale;  // 1 / the reduction's divisor; 0 when that is 0
  // A batch whose matrices are larger than this is not in the caches when it has been computed.
  kernels::Stores stores = logits.size() * sizeof(T) > kStreamingBytes ? kernels::Stores::kStreaming
                                                                       : kernels::Stores::kCached;
};

// Compute the samples of rows [begin, end) into the outputs and records. Thread-safe for disjoint
// ranges; a row's results do not depend on the range it is computed in.
template <typename T>
void ComputeSoftmaxRows(const Run<T>& run, int64_t begin, int64_t end);
template <typename T>
void ComputeSigmoidRows(const Run<T>& run, int64_t begin, int64_t end);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_RUN_H_
