#ifndef LOSSD_SERVER_RPC_TENSOR_TENSOR_SHAPE_H_
#define LOSSD_SERVER_RPC_TENSOR_TENSOR_SHAPE_H_

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "proto/wire/tensor_shape.h"

namespace lossd::rpc {

using wire::ElementCount;
using wire::kMaxRank;
using wire::ShapeText;

// The extent of every axis, row-major.
using Shape = absl::InlinedVector<int64_t, kMaxRank>;

// Returns `shape` without the axis at `axis`.
Shape WithoutAxis(absl::Span<const int64_t> shape, size_t axis);

// Returns the place of the element at the row-major position `index`: "[1, 2]" is position 5 of [2,
// 3].
std::string IndexText(absl::Span<const int64_t> shape, int64_t index);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_TENSOR_SHAPE_H_
