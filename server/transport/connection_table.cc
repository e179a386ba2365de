#include "server/transport/connection_table.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"

namespace lossd::transport {
namespace {

// A sweep of 10,000 connections takes some milliseconds. A server that is full and is asked for
// more all the time does nothing else without a pause.
constexpr std::chrono::milliseconds kPauseBetweenSweeps(50);

// Returns 0 if it is no open descriptor. (It may be closed meanwhile by who has it, which is what
// this is to find out. ThreadSanitizer takes fstat() for a use of the descriptor, and such a close
// for a fault of the program.)
ino_t InodeOf(int descriptor) {
  struct stat status = {};
  return fstatat(descriptor, "", &status, AT_EMPTY_PATH) == 0 ? status.st_ino : 0;
}

// Returns an IPv4 address's text for one that is mapped into IPv6.
std::string TextOf(const in6_addr& address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size());
    return text.data();
  }
  inet_ntop(AF_INET6, &address, text.data(), text.size());
  return absl::StrCat("[", text.data(), "]");
}

std::string TextOf(const in_addr& address) {
  std::array<char, INET_ADDRSTRLEN> text = {};
  inet_ntop(AF_INET, &address, text.data(), text.size());
  return text.data();
}

// Returns nullopt if it is no connection over TCP.
std::optional<int64_t> ReceivedBy(int descriptor) {
  tcp_info info = {};
  socklen_t size = sizeof(info);
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  if (size < offsetof(tcp_info, tcpi_bytes_received) + sizeof(info.tcpi_bytes_received)) {
    return std::nullopt;
  }
  return static_cast<int64_t>(info.tcpi_bytes_received);
}

}  // namespace

std::string RemoteAddress(int descriptor) {
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_storage storage;
  } address = {};
  socklen_t size = sizeof(address);
  if (getpeername(descriptor, &address.any, &size) != 0) return "";
  switch (address.any.sa_family) {
    case AF_INET:
      return absl::StrCat(TextOf(address.v4.sin_addr), ":", ntohs(address.v4.sin_port));
    case AF_INET6:
      return absl::StrCat(TextOf(address.v6.sin6_addr), ":", ntohs(address.v6.sin6_port));
    default:
      return "";
  }
}

bool ConnectionTable::Add(int descriptor, size_t most) {
  const MutexLock lock(&mutex_);
  Connection connection = {InodeOf(descriptor), Clock::now(), RemoteAddress(descriptor)};
  // The system gives the least free number: mostly one of a connection that is over.
  const auto found = connections_.find(descriptor);
  if (found != connections_.end()) {
    Forget(found->second);
    Keep(descriptor, std::move(connection));
    return true;
  }
  if (connections_.size() >= most) SweepIfItIsTime();
  if (connections_.size() >= most) return false;
  Keep(descriptor, std::move(connection));
  return true;
}

std::optional<int64_t> ConnectionTable::ReceivedFrom(const std::string& remote_address) {
  const MutexLock lock(&mutex_);
  const auto found = addresses_.find(remote_address);
  if (found == addresses_.end() || found->second.descriptor < 0) return std::nullopt;
  const int descriptor = found->second.descriptor;
  const std::optional<int64_t> received = ReceivedBy(descriptor);
  // After that: it was this connection's number if it still is.
  return IsOpen(descriptor) ? received : std::nullopt;
}

bool ConnectionTable::Contains(int descriptor) {
  const MutexLock lock(&mutex_);
  return IsOpen(descriptor);
}

size_t ConnectionTable::Count() {
  const MutexLock lock(&mutex_);
  Sweep();
  return connections_.size();
}

size_t ConnectionTable::RecentCount() {
  const MutexLock lock(&mutex_);
  SweepIfItIsTime();
  return connections_.size();
}

size_t ConnectionTable::CountAccepted(Clock::time_point begin, Clock::time_point end) {
  const MutexLock lock(&mutex_);
  Sweep();
  size_t count = 0;
  for (const auto& [descriptor, connection] : connections_) {
    if (connection.accepted >= begin && connection.accepted <= end) ++count;
  }
  return count;
}

bool ConnectionTable::IsOpen(int descriptor) const {
  const auto found = connections_.find(descriptor);
  return found != connections_.end() && found->second.inode == InodeOf(descriptor);
}

void ConnectionTable::Keep(int descriptor, Connection connection) {
  if (!connection.remote_address.empty()) {
    OfAddress& those = addresses_[connection.remote_address];
    if (those.descriptor >= 0 && !IsOpen(those.descriptor)) {
      connections_.erase(those.descriptor);
      those = {};
    }
    ++those.count;
    those.descriptor = those.count == 1 ? descriptor : -1;
  }
  connections_[descriptor] = std::move(connection);
}

void ConnectionTable::Forget(const Connection& connection) {
  const auto found = addresses_.find(connection.remote_address);
  if (found != addresses_.end() && --found->second.count == 0) addresses_.erase(found);
}

void ConnectionTable::SweepIfItIsTime() {
  if (Clock::now() < next_sweep_) return;
  Sweep();
  next_sweep_ = Clock::now() + kPauseBetweenSweeps;
}

void ConnectionTable::Sweep() {
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    if (InodeOf(entry->first) == entry->second.inode) {
      ++entry;
    } else {
      Forget(entry->second);
      connections_.erase(entry++);
    }
  }
}

}  // namespace lossd::transport
