#ifndef LOSSD_SERVER_RPC_TENSOR_LOGITS_LAYOUT_H_
#define LOSSD_SERVER_RPC_TENSOR_LOGITS_LAYOUT_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/tensor_shape.h"

namespace lossd::rpc {

// How the logits of a request, [N, C], [N], [N, d1, …, C] or [N, C, d1, …], map to the core's
// [rows, classes]. A row is one place of [N, d1, …].
struct LogitsLayout {
  Shape shape;  // as sent
  // Absent for [N] logits, which have one class each in the core.
  std::optional<size_t> class_axis;
  int64_t rows = 0;
  int64_t classes = 1;
  int64_t inner = 1;  // rows of one entry of axis 0: d1 · d2 · …

  // True when the classes do not stand last: the core then knows matrices as [N, classes, inner],
  // and what it has in the order of [rows, classes], targets and losses of sigmoid, is transposed.
  bool moves_classes() const { return class_axis && *class_axis + 1 != shape.size(); }

  // Entries of a class vector: C, and {negative, positive} for [N] logits.
  int64_t class_vector_length() const { return class_axis ? classes : 2; }

  // The shape of integer class labels, and of the losses of softmax.
  Shape RowShape() const;

  // The shape of the losses: a sample is a row for softmax, a logit for sigmoid.
  Shape SampleShape(loss::Activation activation) const;
};

// Of a tensor that was checked. `class_axis` is the request's field. nullopt after adding to
// `violations`: logits without axes or without classes, or an axis that cannot hold classes.
std::optional<LogitsLayout> LayOutLogits(const Shape& shape, std::optional<int32_t> class_axis,
                                         FieldViolations& violations);

// [outer, a, b] to [outer, b, a], both row-major. The spans are of equal size and do not overlap.
// Instantiated for float, double and int64_t.
template <class T>
void SwapLastAxes(absl::Span<const T> from, int64_t a, int64_t b, absl::Span<T> to);

// Array may be any of this layer's owned arrays; its elements are those of a tensor of the logits'
// shape. Both return their argument as it is when the classes stand last already.
template <class Array>
Array MoveClassesLast(const LogitsLayout& layout, Array array) {
  if (!layout.moves_classes()) return array;
  Array moved(array.size());
  SwapLastAxes(absl::MakeConstSpan(array.data(), array.size()), layout.classes, layout.inner,
               absl::MakeSpan(moved.data(), moved.size()));
  return moved;
}

template <class Array>
Array MoveClassesBack(const LogitsLayout& layout, Array array) {
  if (!layout.moves_classes()) return array;
  Array moved(array.size());
  SwapLastAxes(absl::MakeConstSpan(array.data(), array.size()), layout.inner, layout.classes,
               absl::MakeSpan(moved.data(), moved.size()));
  return moved;
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_LOGITS_LAYOUT_H_
