#ifndef LOSSD_SERVER_CONFIG_LISTEN_ADDRESS_H_
#define LOSSD_SERVER_CONFIG_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lossd {

// Where a server listens: "HOST:PORT", HOST a name, an IPv4 address or an IPv6 one in brackets,
// PORT from 0 (any free one) to 65535; or "unix:PATH".

// Returns OK, or INVALID_ARGUMENT that says what is wrong with `address`.
absl::Status ValidateListenAddress(absl::string_view address);

// Returns `address` with `port` in place of its own, and a unix: address unchanged.
std::string WithPort(absl::string_view address, int port);

// Tries to listen at `address` and returns why it fails, such as "Address already in use"; empty
// when it works. gRPC writes the reason to a log alone, and takes a unix: address away from the
// process that listens there.
std::string WhyNotListen(absl::string_view address);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_LISTEN_ADDRESS_H_
