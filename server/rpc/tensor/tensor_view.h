#ifndef LOSSD_SERVER_RPC_TENSOR_TENSOR_VIEW_H_
#define LOSSD_SERVER_RPC_TENSOR_TENSOR_VIEW_H_

#include <cstdint>
#include <optional>
#include <variant>

#include "absl/types/span.h"
#include "lossd/v1/tensor.pb.h"
#include "proto/wire/byte_pieces.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/tensor_shape.h"

namespace lossd::rpc {

// The fields of a request's tensor, unchecked. Validation sees a tensor only through these, so that
// it does not depend on how the request was parsed.
struct TensorFields {
  v1::DataType data_type = v1::DATA_TYPE_UNSPECIFIED;
  absl::Span<const int64_t> shape;
  wire::BytePieces data;
  absl::Span<const double> float_values;
  absl::Span<const int64_t> int_values;
};

// Returns views of `tensor`, which outlives them. `payload` is what was taken out of its `data`
// when the message was received; nullptr when nothing was.
TensorFields FieldsOf(const v1::Tensor& tensor, const wire::BytePieces* payload = nullptr);

// How a tensor's elements are sent. Answers come back the way the logits came.
enum class TensorStyle { kData, kValues };

// A tensor whose fields agree with each other. It owns nothing.
struct TensorView {
  // UNSPECIFIED only for a tensor without elements that names no type.
  v1::DataType type = v1::DATA_TYPE_UNSPECIFIED;
  Shape shape;
  int64_t size = 0;  // the product of `shape`
  // Little-endian elements of `type`, unaligned; or values that are not yet rounded to `type`.
  std::variant<wire::BytePieces, absl::Span<const double>, absl::Span<const int64_t>> elements;

  TensorStyle style() const {
    return std::holds_alternative<wire::BytePieces>(elements) ? TensorStyle::kData
                                                              : TensorStyle::kValues;
  }
};

// Returns a view of `fields`, those of `tensor`, when they have one kind of elements, a known type
// that fits these, at most kMaxRank axes, and as many elements as the shape says. Else returns
// nullopt and adds a violation. An unset data_type beside `data` reads as `type_of_data`, or is an
// error when that is UNSPECIFIED. Values are not read, and no memory is allocated for a shape.
std::optional<TensorView> CheckTensor(const TensorFields& fields, v1::DataType type_of_data,
                                      const Field& tensor);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_TENSOR_VIEW_H_
