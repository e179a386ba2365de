#include "server/transport/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/config/listen_address.h"

namespace lossd::transport {
namespace {

// A free port of a host's first address may be taken at another of its addresses.
constexpr int kMostTriesForAPort = 20;

// A socket, or the number of the error.
struct Outcome {
  Descriptor socket;
  int error = 0;
};

Outcome Failed() { return {Descriptor(), errno}; }

// Returns false and leaves errno if it cannot.
bool SetOption(const Descriptor& socket, int level, int name, int value) {
  return setsockopt(socket.number(), level, name, &value, sizeof(value)) == 0;
}

// Returns the address that a socket is bound to; one of no family if that cannot be said.
sockaddr_storage AddressOf(const Descriptor& socket) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  auto* generic = reinterpret_cast<sockaddr*>(&storage);  // NOLINT: how the sockets API has it
  if (getsockname(socket.number(), generic, &length) != 0) storage.ss_family = AF_UNSPEC;
  return storage;
}

// Returns the port that a socket is bound to; 0 if that cannot be said.
int PortOf(const Descriptor& socket) {
  const sockaddr_storage storage = AddressOf(socket);
  // In both families the port is at the same place.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);  // NOLINT: as above
}

bool IsLoopback(uint32_t ipv4) { return ipv4 >> 24 == IN_LOOPBACKNET; }

bool IsLoopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);  // NOLINT: as above
    return IsLoopback(ntohl(ipv4.sin_addr.s_addr));
  }
  const in6_addr& ipv6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;  // NOLINT: again
  if (!IN6_IS_ADDR_V4MAPPED(&ipv6)) return IN6_IS_ADDR_LOOPBACK(&ipv6);
  uint32_t mapped = 0;
  memcpy(&mapped, &ipv6.s6_addr[sizeof(ipv6) - sizeof(mapped)], sizeof(mapped));
  return IsLoopback(ntohl(mapped));
}

enum class Families { kTheOne, kBoth };

// Connections inherit the options.
Outcome ListenAt(const sockaddr* address, socklen_t length, Families families,
                 absl::Duration send_timeout) {
  Descriptor socket(
      ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!socket) return Failed();
  const bool is_ipv6 = address->sa_family == AF_INET6;
  // A server that starts again is not kept out by the connections of the one before it.
  if (!SetOption(socket, SOL_SOCKET, SO_REUSEADDR, 1)) return Failed();
  // A small message waits for nothing. Otherwise a new connection takes 40 ms more.
  if (!SetOption(socket, IPPROTO_TCP, TCP_NODELAY, 1)) return Failed();
  const auto milliseconds = static_cast<int>(absl::ToInt64Milliseconds(send_timeout));
  if (!SetOption(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, milliseconds)) return Failed();
  const int only_ipv6 = families == Families::kBoth ? 0 : 1;
  if (is_ipv6 && !SetOption(socket, IPPROTO_IPV6, IPV6_V6ONLY, only_ipv6)) return Failed();
  if (bind(socket.number(), address, length) != 0) return Failed();
  if (listen(socket.number(), SOMAXCONN) != 0) return Failed();
  return {std::move(socket), 0};
}

// Returns true if that kind of address is not there at all on this machine.
bool IsOfNoUse(int error) { return error == EAFNOSUPPORT || error == EADDRNOTAVAIL; }

Outcome ListenEverywhere(int port, absl::Duration send_timeout) {
  sockaddr_in6 ipv6 = {};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_addr = in6addr_any;
  ipv6.sin6_port = htons(static_cast<uint16_t>(port));
  auto* generic = reinterpret_cast<sockaddr*>(&ipv6);  // NOLINT: how the sockets API has it
  Outcome both = ListenAt(generic, sizeof(ipv6), Families::kBoth, send_timeout);
  if (both.error == 0 || both.error == EADDRINUSE || both.error == EACCES) return both;
  sockaddr_in ipv4 = {};
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr.s_addr = htonl(INADDR_ANY);
  ipv4.sin_port = htons(static_cast<uint16_t>(port));
  generic = reinterpret_cast<sockaddr*>(&ipv4);  // NOLINT: as above
  return ListenAt(generic, sizeof(ipv4), Families::kTheOne, send_timeout);
}

bool IsWildcard(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

struct Sockets {
  std::vector<Descriptor> sockets;
  std::string problem;
  int error = 0;  // of the socket that failed
};

// Fills `found` with the host's addresses; the caller owns them. Returns what is wrong, or "".
std::string LookUp(const std::string& host, int port, addrinfo** found) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  const std::string service = std::to_string(port);
  const int error = getaddrinfo(host.c_str(), service.c_str(), &hints, found);
  return error == 0 ? "" : gai_strerror(error);
}

// Returns true if an earlier entry has the same address, as a name in the file of hosts may.
bool IsRepeated(const addrinfo& entry, const addrinfo* first) {
  for (; first != &entry; first = first->ai_next) {
    if (first->ai_addrlen != entry.ai_addrlen || first->ai_family != entry.ai_family) continue;
    if (memcmp(first->ai_addr, entry.ai_addr, entry.ai_addrlen) == 0) return true;
  }
  return false;
}

// Listens at each address of the host, at one port.
Sockets ListenAtHost(const std::string& host, int port, absl::Duration send_timeout) {
  addrinfo* found = nullptr;
  std::string problem = LookUp(host, port, &found);
  if (!problem.empty()) return {{}, std::move(problem), 0};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  Sockets result;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    if (IsRepeated(*entry, found)) continue;
    if (!result.sockets.empty() && port == 0) {
      const auto same = htons(static_cast<uint16_t>(PortOf(result.sockets.front())));
      reinterpret_cast<sockaddr_in*>(entry->ai_addr)->sin_port = same;  // NOLINT: see PortOf()
    }
    Outcome outcome = ListenAt(entry->ai_addr, entry->ai_addrlen, Families::kTheOne, send_timeout);
    if (outcome.error == 0) {
      result.sockets.push_back(std::move(outcome.socket));
    } else if (!IsOfNoUse(outcome.error)) {
      return {{}, strerror(outcome.error), outcome.error};
    } else {
      result.error = outcome.error;
    }
  }
  if (result.sockets.empty()) result.problem = strerror(result.error);
  return result;
}

Sockets ListenAtAddress(const ListenAddress& address, absl::Duration send_timeout) {
  if (IsWildcard(address.host)) {
    Outcome outcome = ListenEverywhere(address.port, send_timeout);
    if (outcome.error != 0) return {{}, strerror(outcome.error), outcome.error};
    Sockets result;
    result.sockets.push_back(std::move(outcome.socket));
    return result;
  }
  Sockets result;
  for (int i = 0; i < kMostTriesForAPort; ++i) {
    result = ListenAtHost(address.host, address.port, send_timeout);
    if (address.port != 0 || result.error != EADDRINUSE) break;
  }
  return result;
}

absl::Status ListenError(absl::string_view address, absl::string_view reason) {
  return absl::UnavailableError(absl::StrCat("cannot listen at ", address, ": ", reason));
}

}  // namespace

absl::StatusOr<Listener> Listener::Listen(absl::string_view address, absl::Duration send_timeout) {
  auto parts = ParseListenAddress(address);
  if (!parts.ok()) return parts.status();
  Listener listener;
  if (!parts->path.empty()) {
    auto file = SocketFile::Listen(parts->path);
    if (!file.ok()) return ListenError(address, file.status().message());
    listener.file_ = std::make_unique<SocketFile>(*std::move(file));
    listener.address_ = std::string(address);
    return listener;
  }
  Sockets sockets = ListenAtAddress(*parts, send_timeout);
  if (!sockets.problem.empty()) return ListenError(address, sockets.problem);
  listener.address_ = WithPort(address, PortOf(sockets.sockets.front()));
  listener.sockets_ = std::move(sockets.sockets);
  return listener;
}

bool Listener::IsOnNetwork() const {
  return std::any_of(sockets_.begin(), sockets_.end(),
                     [](const Descriptor& socket) { return !IsLoopback(AddressOf(socket)); });
}

std::vector<int> Listener::descriptors() const {
  std::vector<int> descriptors;
  if (file_) descriptors.push_back(file_->descriptor());
  for (const Descriptor& socket : sockets_) descriptors.push_back(socket.number());
  return descriptors;
}

}  // namespace lossd::transport
