#ifndef LOSSD_SERVER_CONFIG_LISTEN_ADDRESS_H_
#define LOSSD_SERVER_CONFIG_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lossd {

// Where a server listens: "HOST:PORT", HOST a name, an IPv4 address or an IPv6 one in brackets,
// PORT from 0 (any free one) to 65535; or "unix:PATH".
struct ListenAddress {
  std::string path;  // of a unix: address; empty for all others
  std::string host;  // without brackets
  int port = 0;
};

// Returns the parts of `address`, or INVALID_ARGUMENT that says what is wrong with it.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view address);
absl::Status ValidateListenAddress(absl::string_view address);

// Returns `address` with `port` in place of its own, and a unix: address unchanged.
std::string WithPort(absl::string_view address, int port);

}  // namespace lossd

#endif  // LOSSD_SERVER_CONFIG_LISTEN_ADDRESS_H_
