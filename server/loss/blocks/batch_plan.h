#ifndef LOSSD_SERVER_LOSS_BLOCKS_BATCH_PLAN_H_
#define LOSSD_SERVER_LOSS_BLOCKS_BATCH_PLAN_H_

#include <cstdint>
#include <variant>

#include "absl/types/span.h"
#include "server/kernels/kernels.h"
#include "server/loss/batch.h"
#include "server/loss/blocks/class_terms.h"
#include "server/loss/blocks/logit_transform.h"
#include "server/loss/blocks/sample_labels.h"
#include "server/loss/blocks/sample_records.h"
#include "server/loss/blocks/strided_rows.h"
#include "server/loss/loss_spec.h"
#include "server/loss/options.h"
#include "server/loss/outputs.h"

namespace lossd::loss {

// HessianMode::kPositive: no element is smaller, so that a booster can divide by it.
inline constexpr double kHessianFloor = 1e-16;

inline kernels::Curvature CurvatureOf(const ComputeOptions& options) {
  return options.hessian_mode == HessianMode::kPositive ? kernels::Curvature::kPositive
                                                        : kernels::Curvature::kExact;
}

// The elements of the view; none where it has those of the other type.
template <typename T>
absl::Span<T> As(const MutableFloatView& view) {
  const auto* span = std::get_if<absl::Span<T>>(&view);
  return span == nullptr ? absl::Span<T>() : *span;
}

// Where an output's entry `index` goes; null when the output is not wanted.
template <typename T>
T* At(absl::Span<T> values, int64_t index) {
  return values.empty() ? nullptr : values.data() + index;
}

// Matrices of more bytes are written past the caches where a kernel can: the lines that they would
// take there have to be read from memory first, and what is sent next is copied from memory well
// enough.
inline constexpr size_t kStreamingBytes = size_t{1} << 20;

// Outputs in the element type of the logits; each may be empty, but losses only before ComputeRows.
template <typename T>
struct TypedOutputs : PerOutput<absl::Span<T>> {
  MatrixParts* gradient_parts = nullptr;  // instead of kGradient
};

// How logits, gradient, hessian_diagonal and probabilities lie: [rows, classes], or as Batch::inner
// says.
enum class MatrixLayout { kRows, kStrided };

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
  MatrixLayout layout = MatrixLayout::kRows;
  // kRows: the row that logits, gradient, hessian_diagonal and probabilities begin with.
  int64_t first_row = 0;
  int64_t first_sample = 0;  // that outputs[Output::kLosses] begin with
  absl::Span<const kernels::Piece> logit_pieces =
      {};  // the batch's logits, where `logits` is empty
  kernels::Stores stores =
      static_cast<size_t>(batch.rows * batch.classes) * sizeof(T) > kStreamingBytes
          ? kernels::Stores::kStreaming
          : kernels::Stores::kCached;

  T* LossOf(int64_t sample) const { return At(outputs[Output::kLosses], sample - first_sample); }

  // Where a matrix, [rows, classes], has `row`; null when it is not there.
  template <typename U>
  U* RowOf(absl::Span<U> matrix, int64_t row) const {
    return ElementOf(matrix, row * batch.classes);
  }
  template <typename U>
  U* ElementOf(absl::Span<U> matrix, int64_t element) const {
    return At(matrix, element - first_row * batch.classes);
  }
};

// The logits of one row, wherever its classes lie.
template <typename T>
struct LogitRow {
  const T* first = nullptr;
  int64_t stride = 1;

  T operator[](int64_t k) const { return first[k * stride]; }
};

template <typename T>
LogitRow<T> LogitsOfRow(const Run<T>& run, int64_t row) {
  const int64_t inner = run.batch.inner;
  if (inner == 1) return {run.logits.data() + row * run.batch.classes, 1};
  return {run.logits.data() + StridedMatrix{run.batch.classes, inner}.Offset(row), inner};
}

// Compute the samples of rows [begin, end) into the outputs and records. Thread-safe for disjoint
// ranges; a row's results do not depend on the range it is computed in.
template <typename T>
void ComputeSoftmaxRows(const Run<T>& run, int64_t begin, int64_t end);
template <typename T>
void ComputeSigmoidRows(const Run<T>& run, int64_t begin, int64_t end);

// Whether ComputeSoftmaxRows takes this run in MatrixLayout::kStrided.
template <typename T>
bool ComputesStridedSoftmax(const Run<T>& run);
// Whether it takes the logits of this run, in MatrixLayout::kRows, in pieces.
template <typename T>
bool ComputesSoftmaxOfPieces(const Run<T>& run);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_BATCH_PLAN_H_
