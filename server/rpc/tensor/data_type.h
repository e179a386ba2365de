#ifndef LOSSD_SERVER_RPC_TENSOR_DATA_TYPE_H_
#define LOSSD_SERVER_RPC_TENSOR_DATA_TYPE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lossd/v1/tensor.pb.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

// The element types have one row each in element_types.h; these functions look into it.

enum class TypeFamily { kFloat, kInteger };

// Return false for UNSPECIFIED.
bool IsFloat(v1::DataType type);
bool IsInteger(v1::DataType type);

// Returns the bytes of one element; 0 for UNSPECIFIED, which has none.
int64_t ElementSize(v1::DataType type);

// Returns the smallest element above 0, below its type's normal numbers if there are such; 0 for
// UNSPECIFIED.
double SmallestPositive(v1::DataType type);

// Returns the name without the enum's prefix, as people write it: "FLOAT32".
absl::string_view NameOf(v1::DataType type);

// Returns the names of the types of the family.
std::vector<std::string> TypeNames(TypeFamily family);

// Returns the types of the family as errors list them: "INT32, INT64 or UINT8".
std::string NamesOf(TypeFamily family);

// Returns the float type in which a tensor of `type` is computed, FLOAT64 or FLOAT32. Response
// tensors that belong to it have that type, too.
v1::DataType ComputedType(v1::DataType type);

// Returns true when `type` is of `family` or, for a tensor without elements, UNSPECIFIED. Else adds
// a violation of `field`, the field that names the type.
bool CheckFamily(v1::DataType type, TypeFamily family, const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_DATA_TYPE_H_
