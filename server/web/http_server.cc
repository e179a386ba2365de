#include "server/web/http_server.h"

#include <exception>
#include <utility>

#include "absl/time/time.h"
#include "server/transport/descriptor.h"

namespace lossd::web {

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Listen(absl::string_view address,
                                                               const Log* log,
                                                               const HttpBounds& bounds) {
  auto listener = transport::Listener::Listen(address, absl::FromChrono(bounds.patience));
  if (!listener.ok()) return listener.status();
  // The constructor is private.
  return std::unique_ptr<HttpServer>(new HttpServer(*std::move(listener), log, bounds));
}

HttpServer::HttpServer(transport::Listener listener, const Log* log, const HttpBounds& bounds)
    : address_(listener.address()),
      is_on_network_(listener.IsOnNetwork()),
      log_(log),
      bounds_(bounds) {
  listeners_.push_back(std::move(listener));
}

HttpServer::~HttpServer() {
  stopping_ = true;
  acceptor_ = nullptr;
}

void HttpServer::Start(Pages pages, std::function<void()> on_deaf) {
  responder_ = std::make_unique<HttpResponder>(std::move(pages));
  threads_ = std::make_unique<WorkQueue>(bounds_.max_connections);
  transport::AcceptorOptions options;
  options.max_connections = bounds_.max_connections;
  options.log = log_;
  options.on_deaf = std::move(on_deaf);
  options.take = [this](int descriptor) {
    transport::Descriptor socket(descriptor);
    const auto shared = std::make_shared<transport::Descriptor>(std::move(socket));
    threads_->Schedule(
        {{}, WorkQueue::kShortWork + 1, [this, shared] { Serve(std::move(*shared)); }});
  };
  acceptor_ = std::make_unique<transport::Acceptor>(std::move(listeners_), std::move(options));
  acceptor_->Start();
}

void HttpServer::Serve(transport::Descriptor socket) {
  try {
    ServeConnection(std::move(socket), *responder_, bounds_, stopping_);
  } catch (const std::exception&) {
    // Out of memory, for one. The connection has been closed.
  }
}

}  // namespace lossd::web
