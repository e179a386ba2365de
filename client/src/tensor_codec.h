#ifndef LOSSD_CLIENT_SRC_TENSOR_CODEC_H_
#define LOSSD_CLIENT_SRC_TENSOR_CODEC_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lossd/array_view.h"
#include "lossd/v1/tensor.pb.h"
#include "xtensor/xarray.hpp"

namespace lossd::client {

// Arrays to the wire and back. Elements travel as raw little-endian bytes, each copied once.
// Instantiated for float, double and int64_t.

// INVALID_ARGUMENT, naming `field`, when the shape is not one that the wire takes or does not fit
// the number of values.
template <typename T>
absl::Status EncodeTensor(absl::string_view field, const ArrayView<T>& array, v1::Tensor* tensor);

// FLOAT64 of shape [values.size()].
void EncodeVector(absl::Span<const double> values, v1::Tensor* tensor);

// INTERNAL, naming `field`, when the tensor is not a T array whose bytes fit its shape.
template <typename T>
absl::StatusOr<xt::xarray<T>> DecodeTensor(absl::string_view field, const v1::Tensor& tensor);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_TENSOR_CODEC_H_
