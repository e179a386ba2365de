#ifndef LOSSD_SERVER_RPC_TENSOR_TENSOR_VIEW_H_
#define LOSSD_SERVER_RPC_TENSOR_TENSOR_VIEW_H_

#include <cstdint>
#include <optional>
#include <variant>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "lossd/v1/tensor.pb.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/tensor_shape.h"
#include "server/rpc/wire/byte_pieces.h"

namespace lossd::rpc {

// A tensor's fields as they stand in a request, whoever parsed it. Nothing about them is checked.
// This and what follows from it is all that validation sees of a tensor.
struct TensorFields {
  v1::DataType data_type = v1::DATA_TYPE_UNSPECIFIED;
  absl::Span<const int64_t> shape;
  BytePieces data;
  absl::Span<const double> float_values;
  absl::Span<const int64_t> int_values;
};

// Views of `tensor`, which must outlive them. `payload` is what was taken out of its `data` when
// the message was received; nullptr: nothing was.
TensorFields FieldsOf(const v1::Tensor& tensor, const BytePieces* payload = nullptr);

// How a tensor's elements were sent, and how those of its answers are sent back.
enum class TensorStyle { kData, kValues };

// A tensor whose fields agree with each other. It owns nothing.
struct TensorView {
  // Resolved; UNSPECIFIED only for a tensor without elements that does not name one.
  v1::DataType type = v1::DATA_TYPE_UNSPECIFIED;
  Shape shape;
  int64_t size = 0;  // the product of `shape`
  // Little-endian elements of `type`, unaligned; or values still to be rounded to `type`.
  std::variant<BytePieces, absl::Span<const double>, absl::Span<const int64_t>> elements;

  TensorStyle style() const {
    return std::holds_alternative<BytePieces>(elements) ? TensorStyle::kData : TensorStyle::kValues;
  }
};

// Checks the tensor that stands at `path`: one kind of elements, a known type that fits them, at
// most kMaxRank axes, as many elements as the shape says. `type_of_data` is what an unset data_type
// beside `data` reads as; UNSPECIFIED where it must be set. The values are not looked at, and
// nothing is allocated by what the shape claims. nullopt after adding to `violations`.
std::optional<TensorView> CheckTensor(const TensorFields& fields, v1::DataType type_of_data,
                                      absl::string_view path, FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_TENSOR_VIEW_H_
