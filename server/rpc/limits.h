#ifndef LOSSD_SERVER_RPC_LIMITS_H_
#define LOSSD_SERVER_RPC_LIMITS_H_

#include <algorithm>
#include <cstdint>

namespace lossd::rpc {

// The most that the server takes. Made once, when it starts; GetServerInfo reports it.
struct Limits {
  // The largest request and the largest response, serialized. A handler that can tell the size of
  // its response beforehand refuses before it computes.
  int64_t max_message_bytes = int64_t{64} << 20;
  // Bytes of requests that arrive or wait, and of their answers, over all calls; further ones are
  // refused with UNAVAILABLE.
  int64_t max_in_flight_bytes = int64_t{1} << 30;
  // Batches of one stream in flight at once; the stream reads no further ones. The default is
  // enough to hide the wire behind the computation.
  int max_stream_window = 16;
};

// Returns the limits of a server whose largest message has `max_message_bytes`. With
// `max_in_flight_bytes` 0, requests and answers in flight may have the larger of 1 GiB and 16 of
// the largest messages.
inline Limits MakeLimits(int64_t max_message_bytes, int64_t max_in_flight_bytes = 0) {
  constexpr int64_t kMessagesInFlight = 16;
  Limits limits;
  limits.max_message_bytes = max_message_bytes;
  limits.max_in_flight_bytes =
      max_in_flight_bytes > 0
          ? max_in_flight_bytes
          : std::max(limits.max_in_flight_bytes, kMessagesInFlight * max_message_bytes);
  return limits;
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_LIMITS_H_
