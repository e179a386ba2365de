#include "server/rpc/tensor/logits_layout.h"

#include <algorithm>

namespace lossd::rpc {
namespace {

// Rows and columns of a tile. A tile of both arrays stays in the first-level cache.
constexpr size_t kTile = 32;

template <typename T>
void TransposeTile(const T* from, size_t rows, size_t columns, size_t row, size_t column, T* to) {
  const size_t row_end = std::min(row + kTile, rows);
  const size_t column_end = std::min(column + kTile, columns);
  for (size_t c = column; c < column_end; ++c) {
    for (size_t r = row; r < row_end; ++r) to[c * rows + r] = from[r * columns + c];
  }
}

template <typename T>
void Transpose(const T* from, size_t rows, size_t columns, T* to) {
  for (size_t row = 0; row < rows; row += kTile) {
    for (size_t column = 0; column < columns; column += kTile) {
      TransposeTile(from, rows, columns, row, column, to);
    }
  }
}

// Returns the axis that `class_axis` names in logits of `rank` axes, nullopt when it names none.
std::optional<size_t> ResolveAxis(size_t rank, int32_t class_axis) {
  if (class_axis == -1 || static_cast<int64_t>(class_axis) == static_cast<int64_t>(rank) - 1) {
    return rank - 1;
  }
  if (class_axis == 1 && rank > 1) return 1;
  return std::nullopt;
}

}  // namespace

Shape LogitsLayout::RowShape() const {
  return class_axis ? WithoutAxis(shape, *class_axis) : shape;
}

std::string LogitsLayout::OtherAxisHint(const Shape& given) const {
  if (shape.size() < 3 || given == RowShape()) return "";
  if (moves_classes()) {
    return given == WithoutAxis(shape, shape.size() - 1) ? "; class_axis -1 would fit" : "";
  }
  return given == WithoutAxis(shape, 1) ? "; class_axis 1 would fit" : "";
}

int64_t LogitsLayout::CoreElement(int64_t index) const {
  if (!moves_classes()) return index;
  const int64_t outer = index / (classes * inner);
  const int64_t k = index / inner % classes;
  return (outer * inner + index % inner) * classes + k;
}

Shape LogitsLayout::SampleShape(loss::Activation activation) const {
  return activation == loss::Activation::kSoftmax ? RowShape() : shape;
}

std::optional<LogitsLayout> LayOutLogits(const Shape& shape, std::optional<int32_t> class_axis,
                                         const Field& request) {
  const size_t rank = shape.size();
  const std::optional<size_t> axis = ResolveAxis(rank, class_axis.value_or(-1));
  if (!axis) {
    request["class_axis"].Refuse("= ", *class_axis, " for logits of shape ", ShapeText(shape),
                                 ", expected ", rank > 2 ? "1, or " : "", "-1 or ", rank - 1,
                                 " (the last axis)");
    return std::nullopt;
  }
  LogitsLayout layout;
  layout.shape = shape;
  if (rank > 1) {
    layout.class_axis = axis;
    layout.classes = shape[*axis];
    if (layout.classes == 0) {
      request["logits"]["shape"].Refuse("= ", ShapeText(shape),
                                        " has no classes, expected at least 1 on axis ", *axis);
      return std::nullopt;
    }
  }
  layout.rows = ElementCount(shape).value_or(0) / layout.classes;
  layout.inner = layout.rows == 0 ? 1 : layout.rows / shape[0];
  return layout;
}

std::optional<LogitsLayout> LayOutLogProbabilities(const Shape& shape,
                                                   std::optional<int32_t> class_axis,
                                                   const Field& request) {
  if (class_axis) {
    request["class_axis"].Refuse("= ", *class_axis,
                                 " beside log-probabilities, which have no class axis");
    return std::nullopt;
  }
  LogitsLayout layout;
  layout.shape = shape;
  layout.rows = ElementCount(shape).value_or(0);
  layout.inner = layout.rows == 0 ? 1 : layout.rows / shape[0];
  return layout;
}

template <typename T>
void SwapLastAxes(absl::Span<const T> from, int64_t a, int64_t b, absl::Span<T> to) {
  const auto rows = static_cast<size_t>(a);
  const auto columns = static_cast<size_t>(b);
  for (size_t start = 0; start < from.size(); start += rows * columns) {
    Transpose(from.data() + start, rows, columns, to.data() + start);
  }
}

template void SwapLastAxes(absl::Span<const float>, int64_t, int64_t, absl::Span<float>);
template void SwapLastAxes(absl::Span<const double>, int64_t, int64_t, absl::Span<double>);
template void SwapLastAxes(absl::Span<const int64_t>, int64_t, int64_t, absl::Span<int64_t>);

}  // namespace lossd::rpc
