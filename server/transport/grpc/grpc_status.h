#ifndef LOSSD_SERVER_TRANSPORT_GRPC_GRPC_STATUS_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_GRPC_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace lossd::transport {

// Returns the status that a call ends with: rpc::ToRpcStatus(), serialized in its error_details.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_GRPC_STATUS_H_
