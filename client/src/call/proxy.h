#ifndef LOSSD_CLIENT_SRC_CALL_PROXY_H_
#define LOSSD_CLIENT_SRC_CALL_PROXY_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace lossd::client {

// Returns the proxy for calls to a target, "host:port" without credentials: the one that
// grpc_proxy, https_proxy or http_proxy names, the first of them that is set, as in gRPC.
//
// Returns nullopt when the target is to be called directly: when it is this machine (localhost, a
// loopback address, a Unix socket), or when its name ends in an entry of no_grpc_proxy, no_proxy
// or NO_PROXY, the first of them that is set. (gRPC itself spares Unix sockets alone, and does not
// read NO_PROXY.)
std::optional<std::string> ProxyFor(absl::string_view target);

// Returns true if gRPC connects with this machine and no other for a target, so that what is sent
// in plain text does not leave it: an address that is loopback or unspecified, a Unix socket, or
// the name localhost, as it is written, without a DNS server of its own. Others of this machine's
// names are what a DNS server says they are.
bool IsThisMachine(absl::string_view target);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CALL_PROXY_H_
