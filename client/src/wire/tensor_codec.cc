#include "client/src/wire/tensor_codec.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "client/src/status.h"
#include "client/src/wire/element_copy.h"
#include "proto/wire/tensor_shape.h"

#ifndef ABSL_IS_LITTLE_ENDIAN
#error "Elements are copied unchanged, and the wire is little-endian."
#endif

namespace lossd::client {
namespace {

using wire::ElementCount;
using wire::kMaxRank;
using wire::ShapeText;

template <typename T>
constexpr v1::DataType kDataType = v1::DATA_TYPE_UNSPECIFIED;
template <>
constexpr v1::DataType kDataType<float> = v1::DATA_TYPE_FLOAT32;
template <>
constexpr v1::DataType kDataType<double> = v1::DATA_TYPE_FLOAT64;
template <>
constexpr v1::DataType kDataType<int64_t> = v1::DATA_TYPE_INT64;

absl::Status CheckShape(absl::string_view field, const Shape& shape, size_t value_count) {
  const auto refuse = [&](auto... reason) {
    return InvalidField(absl::StrCat(field, ".shape"),
                        absl::StrCat("= ", ShapeText(shape), " ", reason...));
  };
  if (shape.size() > kMaxRank) {
    return refuse("has ", shape.size(), " extents; at most ", kMaxRank, " are allowed");
  }
  const std::optional<int64_t> count = ElementCount(shape);
  if (!count) {
    return refuse("has a negative extent or more elements than fit in 63 bits");
  }
  if (static_cast<uint64_t>(*count) != value_count) {
    return refuse("holds ", *count, " elements, but ", value_count, " values were given");
  }
  return absl::OkStatus();
}

// Returns INTERNAL, naming `field`, when the tensor is not an array of T with `bytes` bytes.
template <typename T>
absl::Status CheckTensor(absl::string_view field, const v1::Tensor& head, size_t bytes) {
  if (head.data_type() != kDataType<T>) {
    return absl::InternalError(absl::StrCat("the server's ", field, " is ",
                                            v1::DataType_Name(head.data_type()), " where ",
                                            v1::DataType_Name(kDataType<T>), " was expected"));
  }
  const std::optional<int64_t> count = ElementCount(head.shape());
  // A division overflows for no count, unlike a product.
  if (!count || bytes % sizeof(T) != 0 || bytes / sizeof(T) != static_cast<uint64_t>(*count)) {
    return absl::InternalError(absl::StrCat("the server's ", field, " has shape ",
                                            ShapeText(head.shape()), " but ", bytes,
                                            " bytes of data"));
  }
  return absl::OkStatus();
}

}  // namespace

template <typename T>
absl::StatusOr<v1::Tensor> EncodeHead(absl::string_view field, const ArrayView<T>& array) {
  if (absl::Status status = CheckShape(field, array.shape(), array.values().size()); !status.ok()) {
    return status;
  }
  v1::Tensor head;
  head.set_data_type(kDataType<T>);
  head.mutable_shape()->Add(array.shape().begin(), array.shape().end());
  return head;
}

v1::Tensor EncodeVector(absl::Span<const double> values) {
  v1::Tensor tensor;
  tensor.set_data_type(v1::DATA_TYPE_FLOAT64);
  tensor.add_shape(static_cast<int64_t>(values.size()));
  tensor.set_data(values.data(), values.size() * sizeof(double));
  return tensor;
}

template <typename T>
absl::StatusOr<xt::xarray<T>> DecodeTensor(absl::string_view field, const v1::Tensor& tensor) {
  return DecodeTensor<T>(field, tensor, wire::BytePieces(tensor.data()));
}

template <typename T>
absl::StatusOr<xt::xarray<T>> DecodeTensor(absl::string_view field, const v1::Tensor& head,
                                           const wire::BytePieces& elements) {
  if (absl::Status status = CheckTensor<T>(field, head, elements.size()); !status.ok()) {
    return status;
  }
  const std::vector<size_t> shape(head.shape().begin(), head.shape().end());
  auto array = xt::xarray<T>::from_shape(shape);
  CopyElements(elements, reinterpret_cast<char*>(array.data()));
  return array;
}

template <typename T>
absl::Status DecodeTensorTo(absl::string_view field, const v1::Tensor& head,
                            const wire::BytePieces& elements, absl::Span<T> destination) {
  if (absl::Status status = CheckTensor<T>(field, head, elements.size()); !status.ok()) {
    return status;
  }
  if (elements.size() != destination.size() * sizeof(T)) {
    return absl::InternalError(absl::StrCat("the server's ", field, " has shape ",
                                            ShapeText(head.shape()), " where ", destination.size(),
                                            " elements were expected"));
  }
  CopyElements(elements, reinterpret_cast<char*>(destination.data()));
  return absl::OkStatus();
}

template absl::StatusOr<v1::Tensor> EncodeHead(absl::string_view, const ArrayView<float>&);
template absl::StatusOr<v1::Tensor> EncodeHead(absl::string_view, const ArrayView<double>&);
template absl::StatusOr<v1::Tensor> EncodeHead(absl::string_view, const ArrayView<int64_t>&);
template absl::StatusOr<xt::xarray<double>> DecodeTensor(absl::string_view, const v1::Tensor&);
template absl::StatusOr<xt::xarray<int64_t>> DecodeTensor(absl::string_view, const v1::Tensor&);
template absl::StatusOr<xt::xarray<float>> DecodeTensor(absl::string_view, const v1::Tensor&,
                                                        const wire::BytePieces&);
template absl::StatusOr<xt::xarray<double>> DecodeTensor(absl::string_view, const v1::Tensor&,
                                                         const wire::BytePieces&);
template absl::Status DecodeTensorTo(absl::string_view, const v1::Tensor&, const wire::BytePieces&,
                                     absl::Span<float>);
template absl::Status DecodeTensorTo(absl::string_view, const v1::Tensor&, const wire::BytePieces&,
                                     absl::Span<double>);

}  // namespace lossd::client
