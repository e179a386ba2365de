#include "server/rpc/tensor/tensor_encoder.h"

#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "server/kernels/dispatch.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/element_types.h"

namespace lossd::rpc {
namespace {

// Calls store(part, first) for parts of the values, which begin with value `first`, as long as the
// call is not cancelled.
template <typename In, typename Store>
void ForEachPart(absl::Span<const In> values, const Cancellation& cancellation, Store store) {
  ForEachBlock(static_cast<int64_t>(values.size()), 1, cancellation,
               [&](int64_t begin, int64_t end) {
                 const auto first = static_cast<size_t>(begin);
                 store(values.subspan(first, static_cast<size_t>(end - begin)), first);
               });
}

// Writes the values, of which there are some, as elements of the row Type.
template <typename Type, typename In>
void Store(absl::Span<const In> values, char* bytes) {
  using Stored = typename Type::Stored;
  if constexpr (std::is_same_v<Stored, In>) {
    std::memcpy(bytes, values.data(), values.size() * sizeof(Stored));
  } else if constexpr (Type::kFormat != kernels::FloatFormat::kComputed &&
                       std::is_same_v<In, float>) {
    kernels::CurrentHalfFloats().narrow(Type::kFormat, values.data(),
                                        static_cast<int64_t>(values.size()),
                                        kernels::Stores::kCached, bytes);
  } else {
    for (size_t i = 0; i < values.size(); ++i) {
      const Stored stored = Type::Store(values[i]);
      std::memcpy(bytes + i * sizeof(Stored), &stored, sizeof(Stored));
    }
  }
}

template <typename In>
void StoreAs(v1::DataType type, absl::Span<const In> values, const Cancellation& cancellation,
             char* bytes) {
  VisitTypeInFamilyOf<In>(type, [&](auto row) {
    using Type = decltype(row);
    ForEachPart(values, cancellation, [bytes](absl::Span<const In> part, size_t first) {
      Store<Type>(part, bytes + first * sizeof(typename Type::Stored));
    });
  });
}

size_t DataBytes(v1::DataType type, size_t elements) {
  return elements * static_cast<size_t>(ElementSize(type));
}

template <typename In>
void AppendRounded(v1::DataType type, absl::Span<const In> values, const Cancellation& cancellation,
                   google::protobuf::RepeatedField<double>& list) {
  list.Reserve(static_cast<int>(values.size()));
  VisitTypeInFamilyOf<In>(type, [&](auto row) {
    ForEachPart(values, cancellation, [&](absl::Span<const In> part, size_t) {
      for (const In value : part) list.AddAlreadyReserved(row.Round(value));
    });
  });
}

}  // namespace

void EncodeTensor(loss::FloatView values, const Shape& shape, v1::DataType type, TensorStyle style,
                  v1::Tensor& tensor, const Cancellation& cancellation) {
  tensor.set_data_type(type);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  std::visit(
      [&](auto span) {
        if (style == TensorStyle::kData) {
          std::string& data = *tensor.mutable_data();
          data.resize(DataBytes(type, span.size()));
          StoreAs(type, span, cancellation, data.data());
        } else {
          AppendRounded(type, span, cancellation, *tensor.mutable_float_values());
        }
      },
      values);
}

Buffer EncodeElements(FloatArray values, v1::DataType type, BufferPool& pool,
                      const Cancellation& cancellation) {
  return std::visit(
      [&](auto array) {
        using In = std::remove_pointer_t<decltype(array.data())>;
        if (IsStoredAs<In>(type)) return std::move(array).TakeBuffer();
        Buffer bytes = pool.Take(DataBytes(type, array.size()));
        StoreAs(type, absl::MakeConstSpan(array.data(), array.size()), cancellation,
                static_cast<char*>(bytes.data()));
        return bytes;
      },
      std::move(values));
}

}  // namespace lossd::rpc
