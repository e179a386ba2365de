#ifndef LOSSD_SERVER_CONFIG_LISTEN_ADDRESS_H_
#define LOSSD_SERVER_CONFIG_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lossd {

// Where a server listens: "HOST:PORT", HOST a name, an IPv4 address or an IPv6 one in brackets,
// PORT from 0 (any free one) to 65535; or "unix:PATH".

// OK, or INVALID_ARGUMENT that says what is wrong with `address`.
absl::Status ValidateListenAddress(absl::string_view address);

// `address` with `port` in place of its own; a unix: address as it is.
std::string WithPort(absl::string_view address, int port);

// Why nobody could listen at `address` now, found out by trying: "Address already in use". Empty
// when one could. gRPC says it in a log alone, and takes a unix: address from whoever listens
// there.
std::string WhyNotListen(absl::string_view address);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_LISTEN_ADDRESS_H_
