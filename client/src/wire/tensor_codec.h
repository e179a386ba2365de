#ifndef LOSSD_CLIENT_SRC_WIRE_TENSOR_CODEC_H_
#define LOSSD_CLIENT_SRC_WIRE_TENSOR_CODEC_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lossd/array_view.h"
#include "lossd/v1/tensor.pb.h"
#include "proto/wire/byte_pieces.h"
#include "xtensor/xarray.hpp"

namespace lossd::client {

// Convert arrays to tensors and back. Elements travel as raw little-endian bytes. Instantiated for
// float, double and int64_t.

// Returns the type and shape of `array`, without its elements. Returns INVALID_ARGUMENT, naming
// `field`, when a Tensor cannot have this shape or it does not fit the number of values.
template <typename T>
absl::StatusOr<v1::Tensor> EncodeHead(absl::string_view field, const ArrayView<T>& array);

// Returns the elements as they travel, without copying them.
template <typename T>
absl::Span<const char> ElementBytes(const ArrayView<T>& array) {
  return {reinterpret_cast<const char*>(array.values().data()), array.values().size() * sizeof(T)};
}

// Returns a FLOAT64 tensor of shape [values.size()].
v1::Tensor EncodeVector(absl::Span<const double> values);

// Returns the array. Returns INTERNAL, naming `field`, when the tensor is not an array of T whose
// bytes fit its shape.
template <typename T>
absl::StatusOr<xt::xarray<T>> DecodeTensor(absl::string_view field, const v1::Tensor& tensor);

// Does the same with a tensor whose elements lie elsewhere.
template <typename T>
absl::StatusOr<xt::xarray<T>> DecodeTensor(absl::string_view field, const v1::Tensor& head,
                                           const wire::BytePieces& elements);

// Writes the elements to `destination`. Returns INTERNAL also when it has another size.
template <typename T>
absl::Status DecodeTensorTo(absl::string_view field, const v1::Tensor& head,
                            const wire::BytePieces& elements, absl::Span<T> destination);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_TENSOR_CODEC_H_
