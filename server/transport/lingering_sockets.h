#ifndef LOSSD_SERVER_TRANSPORT_LINGERING_SOCKETS_H_
#define LOSSD_SERVER_TRANSPORT_LINGERING_SOCKETS_H_

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/threads/mutex.h"
#include "server/transport/descriptor.h"

namespace lossd::transport {

// Sockets that gRPC has closed and whose clients may still be reading.
//
// gRPC ends a connection by shutdown(SHUT_RDWR). The system then resets it when the client sends
// anything more, such as the HTTP/2 frames by which it says how much of an answer it has read, and
// some clients and proxies drop what they have received and not read yet. So this program has a
// shutdown() of its own, which gRPC's library finds before the system's. It closes a connection's
// sending side alone, and keeps a copy of the socket until the client has closed its side, too.
class LingeringSockets {
 public:
  // Keeps the sockets for which `is_connection` is true. Of several in a process the newest keeps
  // them.
  explicit LingeringSockets(std::function<bool(int descriptor)> is_connection);
  // Waits for those that there are, for a quarter of a second at most.
  ~LingeringSockets();
  LingeringSockets(const LingeringSockets&) = delete;
  LingeringSockets& operator=(const LingeringSockets&) = delete;

  // Keeps a copy of a TCP connection and closes its sending side. Returns false if that is not to
  // be.
  bool CloseSendingSide(int descriptor);

 private:
  using Clock = std::chrono::steady_clock;
  struct Socket {
    Descriptor copy;
    Clock::time_point end;
  };

  void Run();
  // Drops what was received, and the sockets that are over. Returns whether there is one left.
  bool Serve();

  const std::function<bool(int)> is_connection_;
  Descriptor wake_;  // is readable when there is a new one, or the end has come
  Mutex mutex_;
  std::vector<Socket> sockets_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_LINGERING_SOCKETS_H_
