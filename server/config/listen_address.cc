#include "server/config/listen_address.h"

#include <sys/un.h>

#include <cstddef>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lossd {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";
// The path's terminating 0 counts.
constexpr size_t kMaxSocketPathBytes = sizeof(sockaddr_un::sun_path) - 1;

struct HostAndPort {
  absl::string_view host;  // without brackets
  absl::string_view port;
};

// Returns nullopt without a colon, or with several and no brackets.
std::optional<HostAndPort> SplitHostAndPort(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "[")) {
    const size_t end = address.find("]:");
    if (end == absl::string_view::npos) return std::nullopt;
    return HostAndPort{address.substr(0, end), address.substr(end + 2)};
  }
  const size_t colon = address.find(':');
  if (colon == absl::string_view::npos || colon != address.rfind(':')) return std::nullopt;
  return HostAndPort{address.substr(0, colon), address.substr(colon + 1)};
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view address) {
  const auto invalid = [&](absl::string_view problem) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", address, "' ", problem, ", expected HOST:PORT or unix:PATH"));
  };
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, kUnixPrefix)) {
    if (path.empty()) return invalid("names no path");
    if (path.size() > kMaxSocketPathBytes) {
      return invalid(absl::StrCat("has a path of ", path.size(), " bytes, more than the ",
                                  kMaxSocketPathBytes, " of a socket's"));
    }
    return ListenAddress{std::string(path), "", 0};
  }
  const std::optional<HostAndPort> parts = SplitHostAndPort(address);
  if (!parts) return invalid("is no address with a port");
  if (parts->host.empty()) return invalid("names no host");
  int port = 0;
  if (!absl::SimpleAtoi(parts->port, &port) || port < 0 || port > 65535) {
    return invalid("has no port from 0 to 65535");
  }
  return ListenAddress{"", std::string(parts->host), port};
}

absl::Status ValidateListenAddress(absl::string_view address) {
  return ParseListenAddress(address).status();
}

std::string WithPort(absl::string_view address, int port) {
  if (absl::StartsWith(address, kUnixPrefix)) return std::string(address);
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace lossd
