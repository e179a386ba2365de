#include "client/src/wire/tensor_codec.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/src/status.h"
#include "grpcpp/support/slice.h"

#ifndef ABSL_IS_LITTLE_ENDIAN
#error "Elements are copied as they lie in memory, and the wire is little-endian."
#endif

namespace lossd::client {
namespace {

constexpr size_t kMaxRank = 8;

template <typename T>
constexpr v1::DataType kDataType = v1::DATA_TYPE_UNSPECIFIED;
template <>
constexpr v1::DataType kDataType<float> = v1::DATA_TYPE_FLOAT32;
template <>
constexpr v1::DataType kDataType<double> = v1::DATA_TYPE_FLOAT64;
template <>
constexpr v1::DataType kDataType<int64_t> = v1::DATA_TYPE_INT64;

template <typename Extents>
std::string ShapeText(const Extents& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// The product of the extents; none when one is negative or the product does not fit.
template <typename Extents>
std::optional<int64_t> ElementCount(const Extents& shape) {
  int64_t product = 1;
  bool empty = false;
  for (const int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;
    } else if (product > std::numeric_limits<int64_t>::max() / extent) {
      return std::nullopt;
    } else {
      product *= extent;
    }
  }
  return empty ? 0 : product;
}

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

// INTERNAL, naming `field`, when the tensor is not a T array of that many bytes.
template <typename T>
absl::Status CheckTensor(absl::string_view field, const v1::Tensor& head, size_t bytes) {
  if (head.data_type() != kDataType<T>) {
    return absl::InternalError(absl::StrCat("the server's ", field, " is ",
                                            v1::DataType_Name(head.data_type()), " where ",
                                            v1::DataType_Name(kDataType<T>), " was expected"));
  }
  const std::optional<int64_t> count = ElementCount(head.shape());
  // Divided rather than multiplied, so that no count overflows.
  if (!count || bytes % sizeof(T) != 0 || bytes / sizeof(T) != static_cast<uint64_t>(*count)) {
    return absl::InternalError(absl::StrCat("the server's ", field, " has shape ",
                                            ShapeText(head.shape()), " but ", bytes,
                                            " bytes of data"));
  }
  return absl::OkStatus();
}

template <typename T>
void CopyElements(const ScatteredBytes& elements, T* destination) {
  if (!elements.empty()) elements.CopyTo(reinterpret_cast<char*>(destination));
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

void EncodeVector(absl::Span<const double> values, v1::Tensor* tensor) {
  tensor->set_data_type(v1::DATA_TYPE_FLOAT64);
  tensor->add_shape(static_cast<int64_t>(values.size()));
  tensor->set_data(values.data(), values.size() * sizeof(double));
}

template <typename T>
absl::StatusOr<xt::xarray<T>> DecodeTensor(absl::string_view field, const v1::Tensor& tensor) {
  const grpc::Slice data(tensor.data().data(), tensor.data().size(), grpc::Slice::STATIC_SLICE);
  return DecodeTensor<T>(field, tensor, ScatteredBytes({&data, 1}));
}

template <typename T>
absl::StatusOr<xt::xarray<T>> DecodeTensor(absl::string_view field, const v1::Tensor& head,
                                           const ScatteredBytes& elements) {
  if (absl::Status status = CheckTensor<T>(field, head, elements.size()); !status.ok()) {
    return status;
  }
  const std::vector<size_t> shape(head.shape().begin(), head.shape().end());
  auto array = xt::xarray<T>::from_shape(shape);
  CopyElements(elements, array.data());
  return array;
}

template <typename T>
absl::Status DecodeTensorTo(absl::string_view field, const v1::Tensor& head,
                            const ScatteredBytes& elements, absl::Span<T> destination) {
  if (absl::Status status = CheckTensor<T>(field, head, elements.size()); !status.ok()) {
    return status;
  }
  if (elements.size() != destination.size() * sizeof(T)) {
    return absl::InternalError(absl::StrCat("the server's ", field, " has shape ",
                                            ShapeText(head.shape()), " where ", destination.size(),
                                            " elements were expected"));
  }
  CopyElements(elements, destination.data());
  return absl::OkStatus();
}

template absl::StatusOr<v1::Tensor> EncodeHead(absl::string_view, const ArrayView<float>&);
template absl::StatusOr<v1::Tensor> EncodeHead(absl::string_view, const ArrayView<double>&);
template absl::StatusOr<v1::Tensor> EncodeHead(absl::string_view, const ArrayView<int64_t>&);
template absl::StatusOr<xt::xarray<double>> DecodeTensor(absl::string_view, const v1::Tensor&);
template absl::StatusOr<xt::xarray<float>> DecodeTensor(absl::string_view, const v1::Tensor&,
                                                        const ScatteredBytes&);
template absl::StatusOr<xt::xarray<double>> DecodeTensor(absl::string_view, const v1::Tensor&,
                                                         const ScatteredBytes&);
template absl::Status DecodeTensorTo(absl::string_view, const v1::Tensor&, const ScatteredBytes&,
                                     absl::Span<float>);
template absl::Status DecodeTensorTo(absl::string_view, const v1::Tensor&, const ScatteredBytes&,
                                     absl::Span<double>);

}  // namespace lossd::client
