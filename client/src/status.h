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

// Under which a status has its field violations.
inline constexpr char kBadRequestUrl[] = "type.googleapis.com/google.rpc.BadRequest";

// The same code and message, and each of the details as a payload under its type URL.
absl::Status FromGrpcStatus(const grpc::Status& status);

// The same of an error within a message. One without a code is an INTERNAL error of the server's.
absl::Status FromRpcStatus(const google::rpc::Status& error);

// INVALID_ARGUMENT that reads like the server's: a BadRequest that names `field`, and both as the
// message.
absl::Status InvalidField(absl::string_view field, absl::string_view description);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_STATUS_H_
