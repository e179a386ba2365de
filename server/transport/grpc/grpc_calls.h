#ifndef LOSSD_SERVER_TRANSPORT_GRPC_GRPC_CALLS_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_GRPC_CALLS_H_

#include <memory>

#include "server/transport/call_count.h"
#include "server/transport/call_environment.h"
#include "server/transport/connection_table.h"
#include "server/transport/grpc/raw_service.h"

namespace lossd::transport {

// Where gRPC's calls come from, how many there are, and what they share with those of other
// transports. It outlives them.
struct GrpcCalls {
  explicit GrpcCalls(CallEnvironment& of_all) : environment(of_all) {}

  CallEnvironment& environment;
  RawService service;
  CallCount count;  // those that are waited for included
  // Those that the calls come on, once there are any.
  std::shared_ptr<ConnectionTable> connections;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_GRPC_CALLS_H_
