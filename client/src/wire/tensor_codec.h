#ifndef LOSSD_CLIENT_SRC_WIRE_TENSOR_CODEC_H_
#define LOSSD_CLIENT_SRC_WIRE_TENSOR_CODEC_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/src/wire/scattered_bytes.h"
#include "lossd/array_view.h"
#include "lossd/v1/tensor.pb.h"
#include "xtensor/xarray.hpp"

namespace lossd::client {

// Arrays to the wire and back. Elements travel as raw little-endian bytes. Instantiated for float,
// double and int64_t.

// The type and shape of `array`, without its elements. INVALID_ARGUMENT, naming `field`, when the
// shape is not one that the wire takes or does not fit the number of values.
template <typename T>
absl::StatusOr<v1::Tensor> EncodeHead(absl::string_view field, const ArrayView<T>& array);

// The elements as they travel: nothing is copied.
template <typename T>
absl::Span<const char> ElementBytes(const ArrayView<T>& array) {
  return {reinterpret_cast<const char*>(array.values().data()), array.values().size() * sizeof(T)};
}

// FLOAT64 of shape [values.size()].
void EncodeVector(absl::Span<const double> values, v1::Tensor* tensor);

// INTERNAL, naming `field`, when the tensor is not a T array whose bytes fit its shape.
template <typename T>
absl::StatusOr<xt::xarray<T>> DecodeTensor(absl::string_view field, const v1::Tensor& tensor);

// The same of a tensor without its elements, and those.
template <typename T>
absl::StatusOr<xt::xarray<T>> DecodeTensor(absl::string_view field, const v1::Tensor& head,
                                           const ScatteredBytes& elements);

// Writes the elements to `destination`; INTERNAL too when it has another size.
template <typename T>
absl::Status DecodeTensorTo(absl::string_view field, const v1::Tensor& head,
                            const ScatteredBytes& elements, absl::Span<T> destination);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_TENSOR_CODEC_H_
