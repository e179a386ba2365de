#ifndef LOSSD_SERVER_LOSS_BLOCKS_ROW_WINDOW_H_
#define LOSSD_SERVER_LOSS_BLOCKS_ROW_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <variant>

#include "absl/types/span.h"
#include "server/kernels/float_format.h"
#include "server/kernels/piece.h"
#include "server/kernels/policy_sums.h"
#include "server/kernels/stores.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/sample_records.h"
#include "server/loss/blocks/strided_rows.h"
#include "server/loss/outputs.h"

namespace lossd::loss {

// Returns the elements of `view`, or none where they are of the other type.
template <typename T>
absl::Span<T> SpanOf(const MutableFloatView& view) {
  const auto* span = std::get_if<absl::Span<T>>(&view);
  return span == nullptr ? absl::Span<T>() : *span;
}

// Returns where entry `index` of an array lies, or null when the array is empty.
template <typename T>
T* EntryAt(absl::Span<T> values, int64_t index) {
  return values.empty() ? nullptr : values.data() + index;
}

// Outputs in the element type of the logits, each empty where it is not wanted.
template <typename T>
struct TypedOutputs : PerOutput<absl::Span<T>> {
  // Each replaces kGradient.
  MatrixParts* gradient_parts = nullptr;
  kernels::HalfMatrix half_gradient;  // of the whole batch
};

template <typename T>
TypedOutputs<T> TypeOutputs(const Outputs& outputs) {
  TypedOutputs<T> typed;
  for (const OutputRow& row : kOutputTable) typed[row.output] = SpanOf<T>(outputs[row.output]);
  typed.gradient_parts = outputs.gradient_parts;
  typed.half_gradient = outputs.half_gradient;
  return typed;
}

// Calls f with each output of this extent that is wanted.
template <typename T, typename F>
void ForEachWanted(const TypedOutputs<T>& outputs, OutputExtent extent, F f) {
  for (const OutputRow& row : kOutputTable) {
    if (row.extent == extent && !outputs[row.output].empty()) f(row.output);
  }
}

// The layout of matrices, which are the logits and the outputs of OutputExtent::kLogits.
enum class MatrixLayout {
  kRows,     // [rows, classes]
  kStrided,  // [rows / inner, classes, inner], where inner is Batch::inner
};

// The part of a batch that is at hand: some of its logits, and where the results of their rows go.
// Rows and samples are counted from the beginning of the batch.
template <typename T>
struct RowWindow {
  SampleRecords& records;  // of the whole batch
  int64_t classes;
  absl::Span<const T> logits;
  absl::Span<const kernels::Piece> logit_pieces;  // the batch's logits, where `logits` is empty
  TypedOutputs<T> outputs;                        // in ComputeRows' blocks kLosses is never empty
  MatrixLayout layout = MatrixLayout::kRows;
  kernels::Stores stores = kernels::Stores::kCached;  // how matrices are written
  int64_t first_row = 0;                              // where matrices begin; always 0 in kStrided
  int64_t first_sample = 0;                     // where outputs of OutputExtent::kSamples begin
  kernels::PolicySums* policy_sums = nullptr;   // what is added to, where statistics are wanted
  FloatFormat format = FloatFormat::kComputed;  // of the numbers in logit_pieces

  // These return null when the array is empty.
  T* SampleAt(Output output, int64_t sample) const {
    return EntryAt(outputs[output], sample - first_sample);
  }
  template <typename U>
  U* RowAt(absl::Span<U> matrix, int64_t row) const {  // kRows only
    return ElementAt(matrix, row * classes);
  }
  template <typename U>
  U* ElementAt(absl::Span<U> matrix, int64_t element) const {  // kRows only
    return EntryAt(matrix, element - first_row * classes);
  }
};

// Returns the window that has all rows of the batch.
template <typename T>
RowWindow<T> WholeBatch(const BatchPlan& plan, absl::Span<const T> logits,
                        const TypedOutputs<T>& outputs, SampleRecords& records) {
  RowWindow<T> window = {records, plan.batch.classes, logits, {}, outputs};
  if (plan.batch.inner > 1) window.layout = MatrixLayout::kStrided;
  window.stores = plan.stores;
  return window;
}

// Returns `window` without the matrices' rows before `begin` and from `end` on. kRows only.
template <typename T>
RowWindow<T> CutRows(const RowWindow<T>& window, int64_t begin, int64_t end) {
  const auto first = static_cast<size_t>((begin - window.first_row) * window.classes);
  const auto size = static_cast<size_t>((end - begin) * window.classes);
  RowWindow<T> part = window;
  part.first_row = begin;
  if (!window.logits.empty()) part.logits = window.logits.subspan(first, size);
  ForEachWanted(window.outputs, OutputExtent::kLogits, [&](Output output) {
    part.outputs[output] = window.outputs[output].subspan(first, size);
  });
  return part;
}

// Returns `window` with `count` samples from `begin` on.
template <typename T>
RowWindow<T> CutSamples(const RowWindow<T>& window, int64_t begin, int64_t count) {
  const auto first = static_cast<size_t>(begin - window.first_sample);
  RowWindow<T> part = window;
  part.first_sample = begin;
  ForEachWanted(window.outputs, OutputExtent::kSamples, [&](Output output) {
    part.outputs[output] = window.outputs[output].subspan(first, static_cast<size_t>(count));
  });
  return part;
}

// The logits of one row, wherever its classes lie.
template <typename T>
struct LogitRow {
  const T* first = nullptr;
  int64_t stride = 1;

  T operator[](int64_t k) const { return first[k * stride]; }
};

// Returns the logits of `row`. The window must have logits, not pieces.
template <typename T>
LogitRow<T> FindLogits(const RowWindow<T>& window, const Batch& batch, int64_t row) {
  if (window.layout == MatrixLayout::kRows) {
    return {window.logits.data() + (row - window.first_row) * window.classes, 1};
  }
  const StridedMatrix matrix = {batch.classes, batch.inner};
  return {window.logits.data() + matrix.Offset(row), batch.inner};
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_ROW_WINDOW_H_
