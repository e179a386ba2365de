#ifndef LOSSD_CLIENT_SRC_STATUS_H_
#define LOSSD_CLIENT_SRC_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace google::rpc {
class Status;
}  // namespace google::rpc

namespace grpc {
class Status;
}  // namespace grpc

namespace lossd::client {

// The URL of the payload with a status's field violations.
inline constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";

// Returns the same code and message, with each of the details as a payload under its type URL.
absl::Status FromGrpcStatus(const grpc::Status& status);

// Does the same with an error within a message. An error without a code gives INTERNAL.
absl::Status FromRpcStatus(const google::rpc::Status& error);

// Returns INVALID_ARGUMENT in the server's form: the message is "field description", and a
// BadRequest has the two.
absl::Status InvalidField(absl::string_view field, absl::string_view description);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_STATUS_H_
