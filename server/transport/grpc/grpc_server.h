#ifndef LOSSD_SERVER_TRANSPORT_GRPC_GRPC_SERVER_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_GRPC_SERVER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/call.h"
#include "server/transport/bounds.h"

namespace grpc {
class Server;
}  // namespace grpc

namespace lossd {
class Log;
}  // namespace lossd

namespace lossd::transport {

class Acceptor;
class AsyncService;
class LingeringSockets;
struct CallEnvironment;
struct ServedMethod;

struct GrpcServerOptions {
  // Addresses as --listen has them.
  std::vector<std::string> listen;
  Bounds bounds;
  // Called on a thread of the server's when a socket that listens accepts no connections any more.
  std::function<void()> on_deaf;
  // Is told why connections are refused. Not owned; null logs nothing.
  const Log* log = nullptr;
};

// lossd.v1.LossService over gRPC, with reflection and the standard health service.
class GrpcServer {
 public:
  // Listens and serves from here on. `methods` must be those of the .proto file; the environment
  // must outlive the server. The error names the method that is missing or too many, or the address
  // that it cannot listen at and why.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(std::vector<rpc::MethodRow> methods,
                                                           CallEnvironment& environment,
                                                           const GrpcServerOptions& options);
  // Shuts down without grace unless Shutdown() was called.
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  // Returns the addresses of the options, with real ports in place of 0.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Stops and loses no call of a client that heeds what it is told: answers NOT_SERVING to clients
  // that ask for its health and everything else as before for `delay`; then takes no connections,
  // and waits for those that there are to leave at their age, and for streams until nothing was in
  // flight for a second. What is there shortly before `timeout`, of which the delay is a part, ends
  // as by Shutdown(). Returns what that does.
  bool DrainAndShutdown(absl::Duration delay, absl::Duration timeout);

  // Takes no new calls, answers NOT_SERVING to clients that watch its health, and returns when the
  // calls in flight are finished; cancels those that are not after `grace`, or that do not move,
  // and then returns false.
  bool Shutdown(absl::Duration grace);

 private:
  using Clock = std::chrono::steady_clock;

  GrpcServer(std::vector<ServedMethod> methods, CallEnvironment& environment, const Bounds& bounds);
  absl::Status Listen(const GrpcServerOptions& options);
  // Waits while connections are to leave by their age until `last_moment`, or streams are in use.
  void WaitForConnections(Clock::time_point last_moment);
  bool ShutdownBy(Clock::time_point deadline);

  CallEnvironment& environment_;
  const std::unique_ptr<AsyncService> service_;
  const Bounds bounds_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<LingeringSockets> lingering_;
  std::vector<std::string> addresses_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_GRPC_SERVER_H_
