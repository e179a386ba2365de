#ifndef LOSSD_SERVER_TRANSPORT_CONNECTION_TABLE_H_
#define LOSSD_SERVER_TRANSPORT_CONNECTION_TABLE_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "server/threads/mutex.h"

namespace lossd::transport {

// Returns the address of a connection's other side as HOST:PORT or [HOST]:PORT, with an IPv4
// address where one is mapped; empty where it is none of TCP.
std::string RemoteAddress(int descriptor);

// The connections that were handed to somebody who does not tell when one has ended. One is over
// once its descriptor names another file or none: each socket has an inode of its own. Thread-safe.
class ConnectionTable {
 public:
  using Clock = std::chrono::steady_clock;

  // Adds a connection that was accepted just now, unless there are `most` then. Returns whether it
  // did.
  bool Add(int descriptor, size_t most);

  // Returns true if the descriptor is one of them.
  bool Contains(int descriptor);

  // Returns how many bytes have come from a client, by the address that RemoteAddress() returned
  // for it; nullopt where it is no connection over TCP, or where several had that address at once:
  // a client may connect from one port to several of this machine's addresses.
  std::optional<int64_t> ReceivedFrom(const std::string& remote_address);

  // Returns how many there are.
  size_t Count();
  // Returns how many there are, but for those that ended a moment ago. Cheap, however often it is
  // called.
  size_t RecentCount();
  // Returns how many there are that were accepted from `begin` to `end`.
  size_t CountAccepted(Clock::time_point begin, Clock::time_point end);

 private:
  struct Connection {
    ino_t inode = 0;
    Clock::time_point accepted;
    std::string remote_address;
  };

  // Those that have one remote address.
  struct OfAddress {
    int count = 0;
    int descriptor = -1;  // of the only one; -1 from the second one on, until all are over
  };

  // Returns true if the connection is not over.
  bool IsOpen(int descriptor) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Keep(int descriptor, Connection connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Drops the address of a connection that is over.
  void Forget(const Connection& connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Drops the connections that are over, unless that was done a moment ago.
  void SweepIfItIsTime() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Drops the connections that are over.
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  absl::flat_hash_map<int, Connection> connections_ ABSL_GUARDED_BY(mutex_);  // by descriptor
  absl::flat_hash_map<std::string, OfAddress> addresses_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point next_sweep_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_CONNECTION_TABLE_H_
