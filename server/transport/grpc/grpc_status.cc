#include "server/transport/grpc/grpc_status.h"

#include "google/rpc/status.pb.h"
#include "server/rpc/errors/status.h"

namespace lossd::transport {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const google::rpc::Status rpc_status = rpc::ToRpcStatus(status);
  return {static_cast<grpc::StatusCode>(rpc_status.code()), rpc_status.message(),
          rpc_status.SerializeAsString()};
}

}  // namespace lossd::transport
