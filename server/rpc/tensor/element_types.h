#ifndef LOSSD_SERVER_RPC_TENSOR_ELEMENT_TYPES_H_
#define LOSSD_SERVER_RPC_TENSOR_ELEMENT_TYPES_H_

#include <cstdint>
#include <tuple>
#include <type_traits>

#include "server/kernels/float_format.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/half_float.h"

namespace lossd::rpc {

// Elements that are numbers as they lie in memory.
template <typename T>
struct PlainElements {
  using Stored = T;
  static constexpr auto kFormat = kernels::FloatFormat::kComputed;
  static T Load(T stored) { return stored; }
  template <typename Number>
  static T Store(Number number) {
    return static_cast<T>(number);
  }
};

struct Float16Elements {
  using Stored = uint16_t;
  static constexpr auto kFormat = kernels::FloatFormat::kFloat16;
  static float Load(uint16_t bits) { return Float16ToFloat(bits); }
  template <typename Number>
  static uint16_t Store(Number number) {
    return ToFloat16(number);
  }
};

struct Bfloat16Elements {
  using Stored = uint16_t;
  static constexpr auto kFormat = kernels::FloatFormat::kBfloat16;
  static float Load(uint16_t bits) { return Bfloat16ToFloat(bits); }
  template <typename Number>
  static uint16_t Store(Number number) {
    return ToBfloat16(number);
  }
};

// A row of the table below. `ComputedNumber` is the type in which elements are computed. `Elements`
// has the type of an element in memory, Stored, and what the kernels call it, and reads and writes
// one: Store rounds to nearest, ties to even.
template <v1::DataType kDataType, TypeFamily kTypeFamily, typename ComputedNumber,
          typename Elements>
struct ElementType : Elements {
  static constexpr v1::DataType kType = kDataType;
  static constexpr TypeFamily kFamily = kTypeFamily;
  using Computed = ComputedNumber;

  // Returns the number that `number` becomes when it is stored.
  static Computed Round(double number) { return Elements::Load(Elements::Store(number)); }
};

// The types of a tensor's elements, in the order in which errors list them. What the server knows
// about a type is in its row, and its name is in the contract's enum.
using ElementTypes = std::tuple<
    ElementType<v1::DATA_TYPE_FLOAT16, TypeFamily::kFloat, float, Float16Elements>,
    ElementType<v1::DATA_TYPE_BFLOAT16, TypeFamily::kFloat, float, Bfloat16Elements>,
    ElementType<v1::DATA_TYPE_FLOAT32, TypeFamily::kFloat, float, PlainElements<float>>,
    ElementType<v1::DATA_TYPE_FLOAT64, TypeFamily::kFloat, double, PlainElements<double>>,
    ElementType<v1::DATA_TYPE_INT32, TypeFamily::kInteger, int64_t, PlainElements<int32_t>>,
    ElementType<v1::DATA_TYPE_INT64, TypeFamily::kInteger, int64_t, PlainElements<int64_t>>,
    ElementType<v1::DATA_TYPE_UINT8, TypeFamily::kInteger, int64_t, PlainElements<uint8_t>>>;

// Calls visit(ElementType()) with each row of the table.
template <typename Visit>
void ForEachElementType(Visit visit) {
  std::apply([&visit](auto... rows) { (visit(rows), ...); }, ElementTypes());
}

// Calls visit(ElementType()) with the row of `type`. UNSPECIFIED, the type of some tensors without
// elements, has no row: nothing is called.
template <typename Visit>
void VisitElementType(v1::DataType type, Visit visit) {
  ForEachElementType([&visit, type](auto row) {
    if (decltype(row)::kType == type) visit(row);
  });
}

// Calls visit(ElementType()) with the row of `type` if it is of the family of T: float and double
// belong to the float family.
template <typename T, typename Visit>
void VisitTypeInFamilyOf(v1::DataType type, Visit visit) {
  VisitElementType(type, [&visit](auto row) {
    constexpr TypeFamily kFamily =
        std::is_floating_point_v<T> ? TypeFamily::kFloat : TypeFamily::kInteger;
    if constexpr (decltype(row)::kFamily == kFamily) visit(row);
  });
}

// Returns what the kernels call elements of `type`.
inline kernels::FloatFormat FormatOf(v1::DataType type) {
  auto format = kernels::FloatFormat::kComputed;
  VisitElementType(type, [&format](auto row) { format = decltype(row)::kFormat; });
  return format;
}

// Returns true when elements of `type` lie in memory as an array of T does.
template <typename T>
bool IsStoredAs(v1::DataType type) {
  bool stored_as = false;
  VisitElementType(type, [&stored_as](auto row) {
    stored_as = std::is_same_v<typename decltype(row)::Stored, T>;
  });
  return stored_as;
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_ELEMENT_TYPES_H_
