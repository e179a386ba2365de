#include "server/transport/grpc/connection_id.h"

#include "grpc/grpc_security.h"

namespace lossd::transport {

uintptr_t ConnectionId(grpc_call* call) {
  // Each connection has a context of its own, also over an insecure one and a Unix socket. Calls of
  // one whose security has none would share their bounds.
  grpc_auth_context* const context = grpc_call_auth_context(call);
  const auto id = reinterpret_cast<uintptr_t>(context);
  if (context != nullptr) grpc_auth_context_release(context);
  return id;
}

}  // namespace lossd::transport
