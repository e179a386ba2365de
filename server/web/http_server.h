#ifndef LOSSD_SERVER_WEB_HTTP_SERVER_H_
#define LOSSD_SERVER_WEB_HTTP_SERVER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/threads/work_queue.h"
#include "server/transport/acceptor.h"
#include "server/transport/descriptor.h"
#include "server/transport/listener.h"
#include "server/web/http_connection.h"
#include "server/web/http_responder.h"
#include "server/web/page.h"

namespace lossd {
class Log;
}  // namespace lossd

namespace lossd::web {

// Shows pages over HTTP to operators and their programs. Bounded, whatever clients do: connections,
// the bytes of a request, and the time that one takes. A connection has one request.
class HttpServer {
 public:
  // Listens at `address`, host:port or unix:path, and leaves clients waiting until Start(). The log
  // must outlive the server; null logs nothing. The error names the address and says why.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Listen(absl::string_view address,
                                                            const Log* log,
                                                            const HttpBounds& bounds = {});
  // Stops. Requests in flight may be cut off.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Begins to answer. Called once at most. `on_deaf` is called when no connection will come any
  // more.
  void Start(
      Pages pages, std::function<void()> on_deaf = [] {});

  // The address, with the real port in place of 0.
  const std::string& address() const { return address_; }
  // Returns true if other machines may reach it.
  bool is_on_network() const { return is_on_network_; }

 private:
  HttpServer(transport::Listener listener, const Log* log, const HttpBounds& bounds);
  void Serve(transport::Descriptor socket);

  const std::string address_;
  const bool is_on_network_;
  const Log* const log_;
  const HttpBounds bounds_;
  std::atomic<bool> stopping_ = false;
  std::vector<transport::Listener> listeners_;
  std::unique_ptr<HttpResponder> responder_;
  std::unique_ptr<WorkQueue> threads_;
  std::unique_ptr<transport::Acceptor> acceptor_;  // last: it schedules on the threads
};

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_HTTP_SERVER_H_
