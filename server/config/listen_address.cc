#include "server/config/listen_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

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

class Socket {
 public:
  explicit Socket(int family) : descriptor_(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Returns 0, or the number of the error.
  int Connect(const sockaddr* address, socklen_t length) const {
    return connect(descriptor_, address, length) == 0 ? 0 : errno;
  }
  int Bind(const sockaddr* address, socklen_t length) const {
    const int on = 1;
    setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return bind(descriptor_, address, length) == 0 ? 0 : errno;
  }

 private:
  int descriptor_;
};

sockaddr_un SocketFile(absl::string_view path) {
  sockaddr_un file = {};
  file.sun_family = AF_UNIX;
  memcpy(file.sun_path, path.data(), std::min(path.size(), kMaxSocketPathBytes));
  return file;
}

template <typename Address>
const sockaddr* Generic(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);  // NOLINT: how the sockets API has it
}

std::string ErrorText(int error) { return error == 0 ? "" : strerror(error); }

std::string WhyNotListenAtFile(absl::string_view path) {
  const sockaddr_un file = SocketFile(path);
  struct stat status = {};
  if (lstat(file.sun_path, &status) != 0) {
    const int error = Socket(AF_UNIX).Bind(Generic(file), sizeof(file));
    if (error == 0) unlink(file.sun_path);
    return ErrorText(error);
  }
  if (!S_ISSOCK(status.st_mode)) return "the file is there and is no socket";
  // Left by a process that is gone, it refuses; gRPC replaces it then.
  const bool served = Socket(AF_UNIX).Connect(Generic(file), sizeof(file)) == 0;
  return ErrorText(served ? EADDRINUSE : 0);
}

}  // namespace

absl::Status ValidateListenAddress(absl::string_view address) {
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
    return absl::OkStatus();
  }
  const std::optional<HostAndPort> parts = SplitHostAndPort(address);
  if (!parts) return invalid("is no address with a port");
  if (parts->host.empty()) return invalid("names no host");
  int port = 0;
  if (!absl::SimpleAtoi(parts->port, &port) || port < 0 || port > 65535) {
    return invalid("has no port from 0 to 65535");
  }
  return absl::OkStatus();
}

std::string WithPort(absl::string_view address, int port) {
  if (absl::StartsWith(address, kUnixPrefix)) return std::string(address);
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

std::string WhyNotListen(absl::string_view address) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, kUnixPrefix)) return WhyNotListenAtFile(path);
  const std::optional<HostAndPort> parts = SplitHostAndPort(address);
  if (!parts) return "";
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int lookup = getaddrinfo(std::string(parts->host).c_str(), std::string(parts->port).c_str(),
                                 &hints, &found);
  if (lookup != 0) return gai_strerror(lookup);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    const int error = Socket(entry->ai_family).Bind(entry->ai_addr, entry->ai_addrlen);
    if (error != 0) return ErrorText(error);
  }
  return "";
}

}  // namespace lossd
