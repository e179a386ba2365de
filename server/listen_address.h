#ifndef LOSSD_SERVER_LISTEN_ADDRESS_H_
#define LOSSD_SERVER_LISTEN_ADDRESS_H_

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

// OK when nothing serves at the unix: address. A bind would not tell: it takes the file from
// whoever listens on it. OK for any other address.
absl::Status CheckSocketFileIsFree(absl::string_view address);

// Why listening at `address` failed, found out by trying: "address already in use". Empty when it
// cannot be told.
std::string WhyNotListening(absl::string_view address);

}  // namespace lossd

#endif  // LOSSD_SERVER_LISTEN_ADDRESS_H_
