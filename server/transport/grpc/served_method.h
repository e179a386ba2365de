#ifndef LOSSD_SERVER_TRANSPORT_GRPC_SERVED_METHOD_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_SERVED_METHOD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/rpc/call.h"

namespace lossd::transport {

// A method of a service as gRPC knows it, and what answers it.
struct ServedMethod {
  std::string name;  // "lossd.v1.LossService/Compute"
  int index = 0;     // its place in ServedMethods()
  rpc::Method method;
};

// Returns the methods of the services, each with its row. Fails unless the rows are the .proto
// files' methods: one for each, and a stream where the file says stream.
absl::StatusOr<std::vector<ServedMethod>> MatchMethods(std::vector<rpc::MethodRow> rows);

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_SERVED_METHOD_H_
