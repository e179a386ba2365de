#include "server/rpc/tensor/tensor_shape.h"

#include <cstddef>

namespace lossd::rpc {

Shape WithoutAxis(absl::Span<const int64_t> shape, size_t axis) {
  Shape rest(shape.begin(), shape.end());
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(axis));
  return rest;
}

std::string IndexText(absl::Span<const int64_t> shape, int64_t index) {
  Shape place(shape.begin(), shape.end());
  for (size_t axis = shape.size(); axis-- > 0;) {
    place[axis] = index % shape[axis];
    index /= shape[axis];
  }
  return ShapeText(place);
}

}  // namespace lossd::rpc
