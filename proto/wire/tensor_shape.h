#ifndef LOSSD_PROTO_WIRE_TENSOR_SHAPE_H_
#define LOSSD_PROTO_WIRE_TENSOR_SHAPE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"

namespace lossd::wire {

// The most axes that a Tensor may have.
inline constexpr int kMaxRank = 8;

// Returns the product of the extents, 1 when there are none. An extent of 0 makes it 0, whatever
// the others are. Returns nullopt when an extent is negative or the product does not fit.
std::optional<int64_t> ElementCount(absl::Span<const int64_t> shape);

// Returns "[2, 3]".
std::string ShapeText(absl::Span<const int64_t> shape);

}  // namespace lossd::wire

#endif  // LOSSD_PROTO_WIRE_TENSOR_SHAPE_H_
