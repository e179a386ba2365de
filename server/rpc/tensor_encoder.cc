#include "server/rpc/tensor_encoder.h"

#include <cstring>
#include <string>
#include <type_traits>

#include "server/rpc/half_float.h"
#include "server/rpc/tensor_values.h"

namespace lossd::rpc {
namespace {

template <class Stored, class In, class Convert>
void Store(absl::Span<const In> values, std::string& bytes, Convert convert) {
  bytes.resize(values.size() * sizeof(Stored));
  for (size_t i = 0; i < values.size(); ++i) {
    const Stored stored = convert(values[i]);
    std::memcpy(&bytes[i * sizeof(Stored)], &stored, sizeof(Stored));
  }
}

template <class Stored, class In>
void Store(absl::Span<const In> values, std::string& bytes) {
  if constexpr (std::is_same_v<Stored, In>) {
    // Appending copies without clearing the memory first.
    bytes.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(In));
  } else {
    Store<Stored>(values, bytes, [](In value) { return static_cast<Stored>(value); });
  }
}

template <class In>
void StoreAs(v1::DataType type, absl::Span<const In> values, std::string& bytes) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT16:
      return Store<uint16_t>(values, bytes, DoubleToFloat16);
    case v1::DATA_TYPE_BFLOAT16:
      return Store<uint16_t>(values, bytes, DoubleToBfloat16);
    case v1::DATA_TYPE_FLOAT64:
      return Store<double>(values, bytes);
    default:
      return Store<float>(values, bytes);
  }
}

template <class In>
void AppendRounded(v1::DataType type, absl::Span<const In> values,
                   google::protobuf::RepeatedField<double>& list) {
  list.Reserve(static_cast<int>(values.size()));
  for (const In value : values) list.AddAlreadyReserved(RoundToType(type, value));
}

}  // namespace

void EncodeTensor(loss::FloatView values, const Shape& shape, v1::DataType type, TensorStyle style,
                  v1::Tensor& tensor) {
  tensor.set_data_type(type);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  std::visit(
      [&](auto span) {
        if (style == TensorStyle::kData) {
          StoreAs(type, span, *tensor.mutable_data());
        } else {
          AppendRounded(type, span, *tensor.mutable_float_values());
        }
      },
      values);
}

}  // namespace lossd::rpc
