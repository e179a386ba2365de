#include "server/rpc/tensor/data_type.h"

#include "absl/strings/strip.h"

namespace lossd::rpc {

bool IsFloat(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT16:
    case v1::DATA_TYPE_BFLOAT16:
    case v1::DATA_TYPE_FLOAT32:
    case v1::DATA_TYPE_FLOAT64:
      return true;
    default:
      return false;
  }
}

bool IsInteger(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_INT32:
    case v1::DATA_TYPE_INT64:
    case v1::DATA_TYPE_UINT8:
      return true;
    default:
      return false;
  }
}

int64_t ElementSize(v1::DataType type) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT64:
    case v1::DATA_TYPE_INT64:
      return 8;
    case v1::DATA_TYPE_FLOAT16:
    case v1::DATA_TYPE_BFLOAT16:
      return 2;
    case v1::DATA_TYPE_UINT8:
      return 1;
    default:
      return 4;
  }
}

absl::string_view NameOf(v1::DataType type) {
  return absl::StripPrefix(v1::DataType_Name(type), "DATA_TYPE_");
}

v1::DataType ComputedType(v1::DataType type) {
  return type == v1::DATA_TYPE_FLOAT64 ? v1::DATA_TYPE_FLOAT64 : v1::DATA_TYPE_FLOAT32;
}

}  // namespace lossd::rpc
