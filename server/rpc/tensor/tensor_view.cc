#include "server/rpc/tensor/tensor_view.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/rpc/errors/unknown_value.h"

namespace lossd::rpc {
namespace {

std::vector<absl::string_view> NamesOfPayloads(const TensorFields& fields) {
  std::vector<absl::string_view> names;
  if (!fields.data.empty()) names.emplace_back("data");
  if (!fields.float_values.empty()) names.emplace_back("float_values");
  if (!fields.int_values.empty()) names.emplace_back("int_values");
  return names;
}

bool CheckOnePayload(const TensorFields& fields, const Field& tensor) {
  const int payloads = (fields.data.empty() ? 0 : 1) + (fields.float_values.empty() ? 0 : 1) +
                       (fields.int_values.empty() ? 0 : 1);
  if (payloads <= 1) return true;
  tensor.Refuse("has ", absl::StrJoin(NamesOfPayloads(fields), " and "),
                ", expected at most one of data, float_values, int_values");
  return false;
}

std::optional<v1::DataType> ResolveType(const TensorFields& fields, v1::DataType type_of_data,
                                        const Field& tensor) {
  const Field type_field = tensor["data_type"];
  const v1::DataType type = fields.data_type;
  if (!v1::DataType_IsValid(type)) {
    RefuseUnknownValue(type, type_field);
    return std::nullopt;
  }
  if (!fields.float_values.empty()) {
    if (type == v1::DATA_TYPE_UNSPECIFIED) return v1::DATA_TYPE_FLOAT64;
    if (IsFloat(type)) return type;
    type_field.Refuse("= ", NameOf(type), " beside float_values, expected ",
                      NamesOf(TypeFamily::kFloat));
    return std::nullopt;
  }
  if (!fields.int_values.empty()) {
    if (type == v1::DATA_TYPE_UNSPECIFIED) return v1::DATA_TYPE_INT64;
    if (IsInteger(type)) return type;
    type_field.Refuse("= ", NameOf(type), " beside int_values, expected ",
                      NamesOf(TypeFamily::kInteger));
    return std::nullopt;
  }
  if (type != v1::DATA_TYPE_UNSPECIFIED) return type;
  if (fields.data.empty() || type_of_data != v1::DATA_TYPE_UNSPECIFIED) return type_of_data;
  type_field.Refuse("is not set, expected the type of the elements in data");
  return std::nullopt;
}

// Returns the number of values in the lists. Without the type that of `data` is not known.
size_t ValueCount(const TensorFields& fields) {
  return fields.float_values.size() + fields.int_values.size();
}

std::optional<Shape> ResolveShape(const TensorFields& fields, const Field& tensor) {
  const Field shape = tensor["shape"];
  if (fields.shape.empty()) {
    if (fields.data.empty()) return Shape{static_cast<int64_t>(ValueCount(fields))};
    shape.Refuse("is not set, expected the shape of the elements in data");
    return std::nullopt;
  }
  if (fields.shape.size() > kMaxRank) {
    shape.Refuse("has ", fields.shape.size(), " axes, expected at most ", kMaxRank);
    return std::nullopt;
  }
  for (size_t axis = 0; axis < fields.shape.size(); ++axis) {
    if (fields.shape[axis] < 0) {
      shape[static_cast<int64_t>(axis)].Refuse("= ", fields.shape[axis],
                                               ", expected an extent >= 0");
      return std::nullopt;
    }
  }
  return Shape(fields.shape.begin(), fields.shape.end());
}

// Returns the number of elements when as many were sent, else nullopt after adding a violation.
std::optional<int64_t> CheckSize(const TensorFields& fields, const Shape& shape, v1::DataType type,
                                 const Field& tensor) {
  const std::optional<int64_t> size = ElementCount(shape);
  // A size in bits fits, so that no later size in bytes can overflow.
  if (int64_t bits = 0; !size || __builtin_mul_overflow(*size, 64, &bits)) {
    tensor["shape"].Refuse("= ", ShapeText(shape), " has more elements than can be counted");
    return std::nullopt;
  }
  if (!fields.data.empty()) {
    const int64_t expected = *size * ElementSize(type);
    if (static_cast<int64_t>(fields.data.size()) == expected) return size;
    tensor["data"].Refuse("has ", fields.data.size(), " bytes, expected ", expected, " for ",
                          NameOf(type), " of shape ", ShapeText(shape));
    return std::nullopt;
  }
  if (static_cast<int64_t>(ValueCount(fields)) == *size) return size;
  const Field list = !fields.float_values.empty() ? tensor["float_values"]
                     : !fields.int_values.empty() ? tensor["int_values"]
                                                  : tensor;
  list.Refuse("has ", ValueCount(fields), " values, expected ", *size, " for shape ",
              ShapeText(shape));
  return std::nullopt;
}

}  // namespace

TensorFields FieldsOf(const v1::Tensor& tensor, const wire::BytePieces* payload) {
  return {tensor.data_type(), tensor.shape(),
          payload == nullptr ? wire::BytePieces(tensor.data()) : *payload, tensor.float_values(),
          tensor.int_values()};
}

std::optional<TensorView> CheckTensor(const TensorFields& fields, v1::DataType type_of_data,
                                      const Field& tensor) {
  if (!CheckOnePayload(fields, tensor)) return std::nullopt;
  const std::optional<v1::DataType> type = ResolveType(fields, type_of_data, tensor);
  std::optional<Shape> shape = ResolveShape(fields, tensor);
  if (!type || !shape) return std::nullopt;
  const std::optional<int64_t> size = CheckSize(fields, *shape, *type, tensor);
  if (!size) return std::nullopt;

  TensorView view{*type, *std::move(shape), *size, fields.data};
  if (!fields.float_values.empty()) view.elements = fields.float_values;
  if (!fields.int_values.empty()) view.elements = fields.int_values;
  return view;
}

}  // namespace lossd::rpc
