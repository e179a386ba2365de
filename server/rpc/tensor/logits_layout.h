#ifndef LOSSD_SERVER_RPC_TENSOR_LOGITS_LAYOUT_H_
#define LOSSD_SERVER_RPC_TENSOR_LOGITS_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/tensor_shape.h"

namespace lossd::rpc {

// How the logits of a request, [N, C], [N], [N, d₁, …, C] or [N, C, d₁, …], map to the core's
// [rows, classes]. A row is one place of [N, d₁, …]. Log-probabilities, [N] or [N, d₁, …], are rows
// of one class.
struct LogitsLayout {
  Shape shape;  // as sent
  // Absent for [N] logits and log-probabilities, which have one class each in the core.
  std::optional<size_t> class_axis;
  int64_t rows = 0;
  int64_t classes = 1;
  int64_t inner = 1;  // rows of one entry of axis 0: d₁ · d₂ · …

  // Returns true when the classes are not the last axis. The core then reads and writes matrices as
  // [N, classes, inner]; targets and sigmoid's losses, which it has as [rows, classes], are
  // transposed.
  bool moves_classes() const { return class_axis && *class_axis + 1 != shape.size(); }

  // Returns what an error about a tensor of shape `given`, which is not RowShape(), adds where it
  // would be that with another class axis: "; class_axis 1 would fit". Returns "" where not.
  std::string OtherAxisHint(const Shape& given) const;

  // Returns where the core has element `index` of the logits' shape, with its classes last.
  int64_t CoreElement(int64_t index) const;

  // Returns the number of entries of a class vector: C, or 2 for [N] logits: {negative, positive}.
  int64_t class_vector_length() const { return class_axis ? classes : 2; }

  // Returns the shape of class labels and of softmax's losses.
  Shape RowShape() const;

  // Returns the shape of the losses: a sample is a row for softmax, a logit for sigmoid.
  Shape SampleShape(loss::Activation activation) const;
};

// Returns the layout of logits of `shape`, which CheckTensor accepted. Returns nullopt and adds a
// violation when `class_axis` is no axis that can hold the classes, or that axis is empty.
std::optional<LogitsLayout> LayOutLogits(const Shape& shape, std::optional<int32_t> class_axis,
                                         const Field& request);

// Does the same for log-probabilities, which have no classes and so no `class_axis`.
std::optional<LogitsLayout> LayOutLogProbabilities(const Shape& shape,
                                                   std::optional<int32_t> class_axis,
                                                   const Field& request);

// Transposes [outer, a, b] to [outer, b, a], both row-major. The spans are of equal size and do not
// overlap. Instantiated for float, double and int64_t.
template <typename T>
void SwapLastAxes(absl::Span<const T> from, int64_t a, int64_t b, absl::Span<T> to);

// Returns `array`, a tensor of the logits' shape, with its classes moved from their axis to the
// last one. Array is std::vector or AlignedArray. Returns `array` unchanged when the classes are
// last already.
template <typename Array>
Array MoveClassesLast(const LogitsLayout& layout, Array array) {
  if (!layout.moves_classes()) return array;
  Array moved(array.size());
  SwapLastAxes(absl::MakeConstSpan(array.data(), array.size()), layout.classes, layout.inner,
               absl::MakeSpan(moved.data(), moved.size()));
  return moved;
}

// Returns what MoveClassesLast was given.
template <typename Array>
Array MoveClassesBack(const LogitsLayout& layout, Array array) {
  if (!layout.moves_classes()) return array;
  Array moved(array.size());
  SwapLastAxes(absl::MakeConstSpan(array.data(), array.size()), layout.inner, layout.classes,
               absl::MakeSpan(moved.data(), moved.size()));
  return moved;
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_LOGITS_LAYOUT_H_
