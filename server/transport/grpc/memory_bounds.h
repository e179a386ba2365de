#ifndef LOSSD_SERVER_TRANSPORT_GRPC_MEMORY_BOUNDS_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_MEMORY_BOUNDS_H_

#include "grpcpp/server_builder.h"
#include "server/rpc/limits.h"
#include "server/transport/bounds.h"

namespace lossd::transport {

// Bounds what gRPC holds: what a client sends of a message before that is read, and, as the last
// resort against clients that send more than their last messages let expect, all that comes in.
// There gRPC resets calls. Its limit on a message bounds nothing, and is off: it is looked at when
// the whole message has come, and names no flag to the client. Calls of any service that say that
// they send compressed messages are UNIMPLEMENTED before one is read, unless `bounds` accept them.
void BoundMemory(const rpc::Limits& limits, const Bounds& bounds, grpc::ServerBuilder& builder);

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_MEMORY_BOUNDS_H_
