#include "server/rpc/tensor/tensor_view.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lossd::rpc {
namespace {

std::vector<absl::string_view> NamesOfPayloads(const TensorFields& fields) {
  std::vector<absl::string_view> names;
  if (!fields.data.empty()) names.emplace_back("data");
  if (!fields.float_values.empty()) names.emplace_back("float_values");
  if (!fields.int_values.empty()) names.emplace_back("int_values");
  return names;
}

bool CheckOnePayload(const TensorFields& fields, absl::string_view path,
                     FieldViolations& violations) {
  const std::vector<absl::string_view> names = NamesOfPayloads(fields);
  if (names.size() <= 1) return true;
  violations.Add(path, absl::StrCat("has ", absl::StrJoin(names, " and "),
                                    ", expected at most one of data, float_values, int_values"));
  return false;
}

std::optional<v1::DataType> ResolveType(const TensorFields& fields, v1::DataType type_of_data,
                                        absl::string_view path, FieldViolations& violations) {
  const std::string type_path = absl::StrCat(path, ".data_type");
  const v1::DataType type = fields.data_type;
  if (!v1::DataType_IsValid(type)) {
    violations.Add(type_path, absl::StrCat("= ", static_cast<int>(type), " is not a DataType"));
    return std::nullopt;
  }
  if (!fields.float_values.empty()) {
    if (type == v1::DATA_TYPE_UNSPECIFIED) return v1::DATA_TYPE_FLOAT64;
    if (IsFloat(type)) return type;
    violations.Add(type_path, absl::StrCat("= ", NameOf(type), " beside float_values, expected ",
                                           "FLOAT16, BFLOAT16, FLOAT32 or FLOAT64"));
    return std::nullopt;
  }
  if (!fields.int_values.empty()) {
    if (type == v1::DATA_TYPE_UNSPECIFIED) return v1::DATA_TYPE_INT64;
    if (IsInteger(type)) return type;
    violations.Add(type_path, absl::StrCat("= ", NameOf(type), " beside int_values, expected ",
                                           "INT32, INT64 or UINT8"));
    return std::nullopt;
  }
  if (type != v1::DATA_TYPE_UNSPECIFIED) return type;
  if (fields.data.empty() || type_of_data != v1::DATA_TYPE_UNSPECIFIED) return type_of_data;
  violations.Add(type_path, "is not set, expected the type of the elements in data");
  return std::nullopt;
}

// The number of values; of `data` it is not known without the type.
size_t ValueCount(const TensorFields& fields) {
  return fields.float_values.size() + fields.int_values.size();
}

std::optional<Shape> ResolveShape(const TensorFields& fields, absl::string_view path,
                                  FieldViolations& violations) {
  const std::string shape_path = absl::StrCat(path, ".shape");
  if (fields.shape.empty()) {
    if (fields.data.empty()) return Shape{static_cast<int64_t>(ValueCount(fields))};
    violations.Add(shape_path, "is not set, expected the shape of the elements in data");
    return std::nullopt;
  }
  if (fields.shape.size() > kMaxRank) {
    violations.Add(shape_path,
                   absl::StrCat("has ", fields.shape.size(), " axes, expected at most ", kMaxRank));
    return std::nullopt;
  }
  for (size_t axis = 0; axis < fields.shape.size(); ++axis) {
    if (fields.shape[axis] < 0) {
      violations.Add(absl::StrCat(shape_path, "[", axis, "]"),
                     absl::StrCat("= ", fields.shape[axis], ", expected an extent >= 0"));
      return std::nullopt;
    }
  }
  return Shape(fields.shape.begin(), fields.shape.end());
}

// The number of elements, when as many were sent.
std::optional<int64_t> CheckSize(const TensorFields& fields, const Shape& shape, v1::DataType type,
                                 absl::string_view path, FieldViolations& violations) {
  const std::optional<int64_t> size = ElementCount(shape);
  // A size in bits fits, so that no later size in bytes can overflow.
  if (int64_t bits = 0; !size || __builtin_mul_overflow(*size, 64, &bits)) {
    violations.Add(absl::StrCat(path, ".shape"),
                   absl::StrCat("= ", ShapeText(shape), " has more elements than can be counted"));
    return std::nullopt;
  }
  if (!fields.data.empty()) {
    const int64_t expected = *size * ElementSize(type);
    if (static_cast<int64_t>(fields.data.size()) == expected) return size;
    violations.Add(absl::StrCat(path, ".data"),
                   absl::StrCat("has ", fields.data.size(), " bytes, expected ", expected, " for ",
                                NameOf(type), " of shape ", ShapeText(shape)));
    return std::nullopt;
  }
  if (static_cast<int64_t>(ValueCount(fields)) == *size) return size;
  const absl::string_view list = !fields.float_values.empty() ? ".float_values"
                                 : !fields.int_values.empty() ? ".int_values"
                                                              : "";
  violations.Add(absl::StrCat(path, list),
                 absl::StrCat("has ", ValueCount(fields), " values, expected ", *size,
                              " for shape ", ShapeText(shape)));
  return std::nullopt;
}

}  // namespace

TensorFields FieldsOf(const v1::Tensor& tensor, const BytePieces* payload) {
  return {tensor.data_type(), tensor.shape(),
          payload == nullptr ? BytePieces(tensor.data()) : *payload, tensor.float_values(),
          tensor.int_values()};
}

std::optional<TensorView> CheckTensor(const TensorFields& fields, v1::DataType type_of_data,
                                      absl::string_view path, FieldViolations& violations) {
  if (!CheckOnePayload(fields, path, violations)) return std::nullopt;
  const std::optional<v1::DataType> type = ResolveType(fields, type_of_data, path, violations);
  std::optional<Shape> shape = ResolveShape(fields, path, violations);
  if (!type || !shape) return std::nullopt;
  const std::optional<int64_t> size = CheckSize(fields, *shape, *type, path, violations);
  if (!size) return std::nullopt;

  TensorView view{*type, *std::move(shape), *size, fields.data};
  if (!fields.float_values.empty()) view.elements = fields.float_values;
  if (!fields.int_values.empty()) view.elements = fields.int_values;
  return view;
}

}  // namespace lossd::rpc
