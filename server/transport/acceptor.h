#ifndef LOSSD_SERVER_TRANSPORT_ACCEPTOR_H_
#define LOSSD_SERVER_TRANSPORT_ACCEPTOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "server/transport/connection_table.h"
#include "server/transport/descriptor.h"
#include "server/transport/listener.h"

namespace lossd {
class Log;
}  // namespace lossd

namespace lossd::transport {

struct AcceptorOptions {
  // A connection beyond them is closed at once: its client sees UNAVAILABLE, tries other servers,
  // and comes back later and later. In a queue it would wait for as long as its deadline allows.
  int max_connections = 1;
  // Gets a connection's descriptor, which does not block, to keep and to close.
  std::function<void(int descriptor)> take;
  // Called on the acceptor's thread when it can accept no more at a socket, though nobody stopped
  // it. It accepts on at the others.
  std::function<void()> on_deaf;
  // Not owned; null logs nothing.
  const Log* log = nullptr;
};

// Accepts connections on a thread of its own, which sleeps while none comes. When the process or
// the system is out of descriptors or memory it tries again, for as long as that lasts.
class Acceptor {
 public:
  Acceptor(std::vector<Listener> listeners, AcceptorOptions options);
  // Stops.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Begins to accept.
  void Start();

  // Accepts what waits, then stops to listen: addresses and files are free for another server.
  // Called by one thread at a time.
  void Stop();

  // Those that were accepted and are there still.
  const std::shared_ptr<ConnectionTable>& connections() const { return connections_; }
  // Those that were closed at once, because there were as many as may be. Any thread.
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  // What accepting at a socket came to: nobody waits there any more, there are no descriptors or
  // memory for now, or an error that stays.
  enum class Result { kDone, kExhausted, kDeaf };

  void Run();
  Result AcceptWaiting(int socket, short events);
  Result AcceptSome(int socket);
  void Take(Descriptor connection);
  void PauseUnlessStopped();
  void DropDeaf(int socket, int error);
  void NoteRefusal();
  bool Stopping() const { return stopping_.load(std::memory_order_acquire); }

  std::vector<Listener> listeners_;
  const AcceptorOptions options_;
  std::vector<int> sockets_;  // that connections are accepted at; the thread's while it runs
  Descriptor wake_;           // is readable once it is to stop
  std::atomic<bool> stopping_ = false;
  const std::shared_ptr<ConnectionTable> connections_ = std::make_shared<ConnectionTable>();
  std::atomic<uint64_t> refused_ = 0;
  std::chrono::steady_clock::time_point next_note_;
  std::thread thread_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_ACCEPTOR_H_
