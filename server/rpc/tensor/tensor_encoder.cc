#include "server/rpc/tensor/tensor_encoder.h"

#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/half_float.h"
#include "server/rpc/tensor/tensor_values.h"

namespace lossd::rpc {
namespace {

template <class Stored, class In, class Convert>
void Store(absl::Span<const In> values, char* bytes, Convert convert) {
  for (size_t i = 0; i < values.size(); ++i) {
    const Stored stored = convert(values[i]);
    std::memcpy(bytes + i * sizeof(Stored), &stored, sizeof(Stored));
  }
}

template <class In>
void StoreAs(v1::DataType type, absl::Span<const In> values, char* bytes) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT16:
      return Store<uint16_t>(values, bytes, [](In value) { return ToFloat16(value); });
    case v1::DATA_TYPE_BFLOAT16:
      return Store<uint16_t>(values, bytes, [](In value) { return ToBfloat16(value); });
    case v1::DATA_TYPE_FLOAT64:
      return Store<double>(values, bytes, [](In value) { return static_cast<double>(value); });
    default:
      return Store<float>(values, bytes, [](In value) { return static_cast<float>(value); });
  }
}

size_t BytesOf(v1::DataType type, size_t elements) {
  return elements * static_cast<size_t>(ElementSize(type));
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
          std::string& data = *tensor.mutable_data();
          data.resize(BytesOf(type, span.size()));
          StoreAs(type, span, data.data());
        } else {
          AppendRounded(type, span, *tensor.mutable_float_values());
        }
      },
      values);
}

Buffer EncodeElements(FloatArray values, v1::DataType type, BufferPool& pool) {
  return std::visit(
      [&](auto array) {
        using In = std::remove_pointer_t<decltype(array.data())>;
        if (type == (std::is_same_v<In, float> ? v1::DATA_TYPE_FLOAT32 : v1::DATA_TYPE_FLOAT64)) {
          return std::move(array).TakeBuffer();
        }
        Buffer bytes = pool.Take(BytesOf(type, array.size()));
        StoreAs(type, absl::MakeConstSpan(array.data(), array.size()),
                static_cast<char*>(bytes.data()));
        return bytes;
      },
      std::move(values));
}

}  // namespace lossd::rpc
