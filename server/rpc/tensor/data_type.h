#ifndef LOSSD_SERVER_RPC_TENSOR_DATA_TYPE_H_
#define LOSSD_SERVER_RPC_TENSOR_DATA_TYPE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "lossd/v1/tensor.pb.h"

namespace lossd::rpc {

bool IsFloat(v1::DataType type);
bool IsInteger(v1::DataType type);

// Bytes of one element. `type` is not UNSPECIFIED.
int64_t ElementSize(v1::DataType type);

// As people write it, without the enum's prefix: "FLOAT32".
absl::string_view NameOf(v1::DataType type);

// The type that a tensor of this type is computed in, FLOAT64 or FLOAT32, which is also the type of
// the response tensors that belong to it.
v1::DataType ComputedType(v1::DataType type);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_DATA_TYPE_H_
