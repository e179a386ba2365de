#ifndef LOSSD_SERVER_TRANSPORT_GRPC_GRPC_SERVER_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_GRPC_SERVER_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/rpc/call.h"
#include "server/transport/bounds.h"
#include "server/transport/certificates.h"

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

// The method by which tools ask what there is, as calls of it are named to filters.
inline constexpr char kReflectionMethod[] =
    "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

struct GrpcServerOptions {
  // Addresses as --listen has them.
  std::vector<std::string> listen;
  Bounds bounds;
  // For TLS on all connections over TCP; none is plain text. Unix sockets are plain text always:
  // the system keeps them, and no name could be checked there.
  CertificateSource certificates;
  // Tells tools what services and messages there are.
  bool reflection = true;
  // Called on a thread of the server's when a socket that listens accepts no connections any more.
  std::function<void()> on_deaf;
  // Is told why connections are refused. Not owned; null logs nothing.
  const Log* log = nullptr;
};

// What is in use at one moment.
struct GrpcServerUse {
  size_t connections = 0;
  uint64_t refused_connections = 0;  // ever
};

// The services of lossd.v1 over gRPC, with reflection and the standard health service.
class GrpcServer {
 public:
  using Clock = std::chrono::steady_clock;

  // Listens and serves from here on. `methods` must be those of the .proto files; the environment
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

  // Returns those of them that other machines may reach.
  const std::vector<std::string>& network_addresses() const { return network_addresses_; }

  // Returns true while health says SERVING. Any thread, as use().
  bool serving() const { return serving_; }
  GrpcServerUse use() const;

  // Answers NOT_SERVING from here on to clients that ask for the server's health or watch it, and
  // everything else as before.
  void StopServing();

  // Takes no connections from here on, and waits for those that there are to leave at their age,
  // and for streams until nothing was in flight for a second; until `last_moment` at most.
  void LetClientsLeave(Clock::time_point last_moment);

  // Takes no new calls, answers NOT_SERVING to clients that watch its health, and returns when the
  // calls in flight, those of other transports too, are finished; cancels its own that are not at
  // `deadline`, or that do not move, and then returns false.
  bool Shutdown(Clock::time_point deadline);

  // Returns true once Shutdown() has returned.
  bool has_ended() const { return server_ == nullptr; }

 private:
  GrpcServer(std::vector<ServedMethod> methods, CallEnvironment& environment,
             const GrpcServerOptions& options);
  absl::Status Listen(const GrpcServerOptions& options);

  CallEnvironment& environment_;
  const std::unique_ptr<AsyncService> service_;
  const Bounds bounds_;
  std::atomic<bool> serving_ = false;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<LingeringSockets> lingering_;
  std::vector<std::string> addresses_;
  std::vector<std::string> network_addresses_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_GRPC_SERVER_H_
