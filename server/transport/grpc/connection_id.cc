#include "server/transport/grpc/connection_id.h"

#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
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

std::string AddressOfPeer(absl::string_view peer) {
  if (absl::ConsumePrefix(&peer, "ipv4:")) return std::string(peer);
  if (!absl::ConsumePrefix(&peer, "ipv6:")) return "";
  return absl::StrReplaceAll(peer, {{"%5B", "["}, {"%5D", "]"}});
}

}  // namespace lossd::transport
