#include "server/transport/lingering_sockets.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace lossd::transport {
namespace {

// A client that reads closes its side within a round trip after the last byte.
constexpr std::chrono::seconds kLongest(2);
constexpr std::chrono::milliseconds kLongestAtTheEnd(250);
// Each takes a descriptor.
constexpr size_t kMost = 256;

using Shutdown = int (*)(int, int);

// Returns the system's.
Shutdown SystemShutdown() {
  static const auto function = reinterpret_cast<Shutdown>(dlsym(RTLD_NEXT, "shutdown"));  // NOLINT
  return function;
}

// shutdown() is called without anything by which to find them. Never destroyed: gRPC has threads
// that may call until the end of the process.
struct Newest {
  Mutex mutex;
  LingeringSockets* sockets ABSL_GUARDED_BY(mutex) = nullptr;
};
Newest& TheNewest() {
  static auto* newest = new Newest;
  return *newest;
}

bool IsTcp(int descriptor) {
  int family = 0;
  socklen_t length = sizeof(family);
  if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &length) != 0) return false;
  return family == AF_INET || family == AF_INET6;
}

// Reads some of what there is. Returns false when the client has closed its side.
bool Drop(int descriptor) {
  constexpr int kMostReads = 64;
  std::array<char, 16384> bytes;
  for (int i = 0; i < kMostReads; ++i) {
    const ssize_t count = recv(descriptor, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (count == 0) return false;
  }
  return true;
}

}  // namespace

LingeringSockets::LingeringSockets(std::function<bool(int)> is_connection)
    : is_connection_(std::move(is_connection)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this] { Run(); }) {
  const MutexLock lock(&TheNewest().mutex);
  TheNewest().sockets = this;
}

LingeringSockets::~LingeringSockets() {
  {
    const MutexLock lock(&TheNewest().mutex);
    if (TheNewest().sockets == this) TheNewest().sockets = nullptr;
  }
  {
    const MutexLock lock(&mutex_);
    ending_ = true;
    const Clock::time_point end = Clock::now() + kLongestAtTheEnd;
    for (Socket& socket : sockets_) socket.end = std::min(socket.end, end);
  }
  eventfd_write(wake_.number(), 1);
  thread_.join();
}

bool LingeringSockets::CloseSendingSide(int descriptor) {
  if (!IsTcp(descriptor) || !is_connection_(descriptor)) return false;
  const MutexLock lock(&mutex_);
  if (ending_ || sockets_.size() >= kMost) return false;
  Descriptor copy(fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!copy || SystemShutdown()(descriptor, SHUT_WR) != 0) return false;
  sockets_.push_back({std::move(copy), Clock::now() + kLongest});
  eventfd_write(wake_.number(), 1);
  return true;
}

void LingeringSockets::Run() {
  while (Serve()) {
    std::vector<pollfd> polled = {{wake_.number(), POLLIN, 0}};
    {
      const MutexLock lock(&mutex_);
      for (const Socket& socket : sockets_) polled.push_back({socket.copy.number(), POLLIN, 0});
    }
    constexpr int kForever = -1;
    constexpr int kMilliseconds = 200;  // Until it looks whether one is over.
    poll(polled.data(), polled.size(), polled.size() == 1 ? kForever : kMilliseconds);
    eventfd_t ignored = 0;
    eventfd_read(wake_.number(), &ignored);
  }
}

bool LingeringSockets::Serve() {
  const MutexLock lock(&mutex_);
  const Clock::time_point now = Clock::now();
  const auto is_over = [now](const Socket& socket) {
    return now >= socket.end || !Drop(socket.copy.number());
  };
  sockets_.erase(std::remove_if(sockets_.begin(), sockets_.end(), is_over), sockets_.end());
  return !ending_ || !sockets_.empty();
}

}  // namespace lossd::transport

// The system's function, but for the connections of a server. gRPC's library finds this one first.
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the names are reserved ones.
extern "C" int shutdown(int descriptor, int how) noexcept {
  using lossd::transport::TheNewest;
  if (how == SHUT_RDWR) {
    const lossd::MutexLock lock(&TheNewest().mutex);
    lossd::transport::LingeringSockets* sockets = TheNewest().sockets;
    if (sockets != nullptr && sockets->CloseSendingSide(descriptor)) return 0;
  }
  return lossd::transport::SystemShutdown()(descriptor, how);
}
