#ifndef LOSSD_SERVER_RPC_TENSOR_TENSOR_SHAPE_H_
#define LOSSD_SERVER_RPC_TENSOR_TENSOR_SHAPE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"

namespace lossd::rpc {

inline constexpr int kMaxRank = 8;

// The extent of every axis, row-major.
using Shape = absl::InlinedVector<int64_t, kMaxRank>;

// The product of extents >= 0, 1 for none of them; nullopt when it does not fit. A zero anywhere
// makes it 0 whatever stands beside it.
std::optional<int64_t> ElementCount(absl::Span<const int64_t> shape);

// `shape` without the axis at `axis`.
Shape WithoutAxis(absl::Span<const int64_t> shape, size_t axis);

// "[2, 3]".
std::string ShapeText(absl::Span<const int64_t> shape);

// The place of the element at the row-major position `index`: "[1, 2]" is position 5 of [2, 3].
std::string IndexText(absl::Span<const int64_t> shape, int64_t index);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_TENSOR_SHAPE_H_
