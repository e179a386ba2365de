#ifndef LOSSD_SERVER_WEB_HTTP_CONNECTION_H_
#define LOSSD_SERVER_WEB_HTTP_CONNECTION_H_

#include <atomic>
#include <chrono>
#include <cstddef>

#include "server/transport/descriptor.h"
#include "server/web/http_responder.h"

namespace lossd::web {

// What a client may take of a connection.
struct HttpBounds {
  // Of a request, up to the empty line.
  size_t max_head_bytes = size_t{8} << 10;
  // For a request to arrive, and for its response, or a piece of a page that goes on, to be taken.
  std::chrono::milliseconds patience{5000};
  // A connection beyond them is closed at once. Each has a thread of its own.
  int max_connections = 16;
};

// Answers one request on `socket`, which does not block, and closes it. Returns at the latest after
// twice the patience and a second unless the page goes on, and soon once `stopping` is set.
void ServeConnection(transport::Descriptor socket, const HttpResponder& responder,
                     const HttpBounds& bounds, const std::atomic<bool>& stopping);

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_HTTP_CONNECTION_H_
