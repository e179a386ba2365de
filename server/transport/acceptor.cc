#include "server/transport/acceptor.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/process/log.h"

namespace lossd::transport {
namespace {

// After it there may be descriptors or memory again.
constexpr int kPauseMilliseconds = 100;
// Of a listener, before the others have their turn.
constexpr int kMostAtOnce = 64;
// Between two entries of the log about refused connections.
constexpr std::chrono::seconds kPauseBetweenNotes(10);

// Returns true if the error is of a connection that has not become one.
bool IsOfOneConnection(int error) {
  constexpr std::array kErrors = {EINTR,        ECONNABORTED, EPERM,       EPROTO,
                                  ENOPROTOOPT,  EHOSTDOWN,    ENONET,      ENETDOWN,
                                  EHOSTUNREACH, EOPNOTSUPP,   ENETUNREACH, ETIMEDOUT};
  return std::find(kErrors.begin(), kErrors.end(), error) != kErrors.end();
}

bool IsOfTheMoment(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Acceptor::Acceptor(std::vector<Listener> listeners, AcceptorOptions options)
    : listeners_(std::move(listeners)),
      options_(std::move(options)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (const Listener& listener : listeners_) {
    for (const int socket : listener.descriptors()) sockets_.push_back(socket);
  }
}

Acceptor::~Acceptor() { Stop(); }

void Acceptor::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  stopping_.store(true, std::memory_order_release);
  if (thread_.joinable()) {
    eventfd_write(wake_.number(), 1);
    thread_.join();
  }
  listeners_.clear();
  sockets_.clear();
}

void Acceptor::Run() {
  while (!Stopping()) {
    std::vector<pollfd> polled = {{wake_.number(), POLLIN, 0}};
    for (const int socket : sockets_) polled.push_back({socket, POLLIN, 0});
    constexpr int kForever = -1;
    if (poll(polled.data(), polled.size(), kForever) < 0) {
      const int error = errno;
      if (error != EINTR && !IsOfTheMoment(error)) {
        for (size_t i = 1; i < polled.size(); ++i) DropDeaf(polled[i].fd, error);
      }
      PauseUnlessStopped();
      continue;
    }
    bool exhausted = false;
    for (size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents == 0) continue;
      const Result result = AcceptWaiting(polled[i].fd, polled[i].revents);
      if (result == Result::kDeaf) DropDeaf(polled[i].fd, errno);
      if (result == Result::kExhausted) exhausted = true;
    }
    if (exhausted) PauseUnlessStopped();
  }
  // Those that have connected already take this server for one that answers.
  for (const int socket : sockets_) AcceptSome(socket);
}

Acceptor::Result Acceptor::AcceptWaiting(int socket, short events) {
  const Result result = AcceptSome(socket);
  // Without this a socket that is at fault and does not say so would be polled for ever.
  const bool only_faults = (events & POLLIN) == 0;
  return result == Result::kDone && only_faults ? Result::kDeaf : result;
}

Acceptor::Result Acceptor::AcceptSome(int socket) {
  for (int i = 0; i < kMostAtOnce; ++i) {
    Descriptor connection(accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      Take(std::move(connection));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return Result::kDone;
    } else if (IsOfTheMoment(errno)) {
      return Result::kExhausted;
    } else if (!IsOfOneConnection(errno)) {
      return Result::kDeaf;
    }
  }
  return Result::kDone;
}

void Acceptor::Take(Descriptor connection) {
  try {
    if (!connections_->Add(connection.number(), static_cast<size_t>(options_.max_connections))) {
      NoteRefusal();
      return;
    }
    options_.take(connection.Release());
  } catch (const std::exception&) {
    // Out of memory, for one. This connection is lost; the next may find some.
  }
}

void Acceptor::PauseUnlessStopped() {
  pollfd wake = {wake_.number(), POLLIN, 0};
  poll(&wake, 1, kPauseMilliseconds);
}

void Acceptor::DropDeaf(int socket, int error) {
  sockets_.erase(std::remove(sockets_.begin(), sockets_.end(), socket), sockets_.end());
  if (options_.log != nullptr) {
    options_.log->Write(LogLevel::kError, "a socket that listens accepts no connections any more",
                        {{"reason", strerror(error)}});
  }
  if (options_.on_deaf) options_.on_deaf();
}

void Acceptor::NoteRefusal() {
  refused_.fetch_add(1, std::memory_order_relaxed);
  const auto now = std::chrono::steady_clock::now();
  if (options_.log == nullptr || now < next_note_) return;
  next_note_ = now + kPauseBetweenNotes;
  options_.log->Write(LogLevel::kWarning, "refusing connections: there are as many as may be",
                      {{"connections", absl::StrCat(options_.max_connections)}});
}

}  // namespace lossd::transport
