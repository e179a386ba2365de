#include "server/rpc/tensor/tensor_encoder.h"

#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/element_types.h"

namespace lossd::rpc {
namespace {

template <typename In>
void StoreAs(v1::DataType type, absl::Span<const In> values, char* bytes) {
  VisitTypeInFamilyOf<In>(type, [&](auto row) {
    using Stored = typename decltype(row)::Stored;
    for (size_t i = 0; i < values.size(); ++i) {
      const Stored stored = row.Store(values[i]);
      std::memcpy(bytes + i * sizeof(Stored), &stored, sizeof(Stored));
    }
  });
}

size_t DataBytes(v1::DataType type, size_t elements) {
  return elements * static_cast<size_t>(ElementSize(type));
}

template <typename In>
void AppendRounded(v1::DataType type, absl::Span<const In> values,
                   google::protobuf::RepeatedField<double>& list) {
  list.Reserve(static_cast<int>(values.size()));
  VisitTypeInFamilyOf<In>(type, [&](auto row) {
    for (const In value : values) list.AddAlreadyReserved(row.Round(value));
  });
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
          data.resize(DataBytes(type, span.size()));
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
        if (IsStoredAs<In>(type)) return std::move(array).TakeBuffer();
        Buffer bytes = pool.Take(DataBytes(type, array.size()));
        StoreAs(type, absl::MakeConstSpan(array.data(), array.size()),
                static_cast<char*>(bytes.data()));
        return bytes;
      },
      std::move(values));
}

}  // namespace lossd::rpc
