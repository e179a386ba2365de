#ifndef LOSSD_SERVER_TRANSPORT_BOUNDS_H_
#define LOSSD_SERVER_TRANSPORT_BOUNDS_H_

#include "absl/time/time.h"

namespace lossd::transport {

// What clients may take of a server, beside the limits that methods know of.
struct Bounds {
  int max_connections = 10000;
  // Calls of one connection at once.
  int max_streams_per_connection = 100;
  // When a client is asked to connect anew, within 10 %. Its calls go on.
  absl::Duration max_connection_age = absl::Seconds(15);
  // For a request to arrive, for an answer to make progress, and for a silent client to answer.
  absl::Duration stall_timeout = absl::Seconds(60);
  // The shortest time between a client's pings.
  absl::Duration min_ping_interval = absl::Seconds(1);
  // Whether a request may be compressed. gRPC unpacks it before it says how large it is.
  bool accept_compressed = false;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_BOUNDS_H_
