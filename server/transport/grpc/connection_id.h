#ifndef LOSSD_SERVER_TRANSPORT_GRPC_CONNECTION_ID_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_CONNECTION_ID_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

struct grpc_call;

namespace lossd::transport {

// Returns what tells the call's connection from all others that are open. A later connection may
// get the same.
uintptr_t ConnectionId(grpc_call* call);

// Returns the address in what gRPC calls a peer, as RemoteAddress() does; empty where it has none.
std::string AddressOfPeer(absl::string_view peer);

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_CONNECTION_ID_H_
