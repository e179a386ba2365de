#ifndef LOSSD_SERVER_RPC_ERRORS_UNKNOWN_VALUE_H_
#define LOSSD_SERVER_RPC_ERRORS_UNKNOWN_VALUE_H_

#include "google/protobuf/generated_enum_reflection.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

// Refuses a field whose number is none of its enum's values: "= 9 is not a WeightScheme".
void RefuseUnknownValue(int value, const google::protobuf::EnumDescriptor& type,
                        const Field& field);

template <typename Enum>
void RefuseUnknownValue(Enum value, const Field& field) {
  RefuseUnknownValue(static_cast<int>(value), *google::protobuf::GetEnumDescriptor<Enum>(), field);
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_UNKNOWN_VALUE_H_
