#include "server/rpc/tensor/tensor_shape.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lossd::rpc {

std::optional<int64_t> ElementCount(absl::Span<const int64_t> shape) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (__builtin_mul_overflow(count, extent, &count)) return std::nullopt;
  }
  return count;
}

Shape WithoutAxis(absl::Span<const int64_t> shape, size_t axis) {
  Shape rest(shape.begin(), shape.end());
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(axis));
  return rest;
}

std::string ShapeText(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
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
