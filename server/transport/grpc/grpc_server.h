#ifndef LOSSD_SERVER_TRANSPORT_GRPC_GRPC_SERVER_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_GRPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/call.h"
#include "server/rpc/call_filter.h"
#include "server/rpc/limits.h"
#include "server/transport/bounds.h"

namespace grpc {
class Server;
}  // namespace grpc

namespace lossd::transport {

class AsyncService;

struct GrpcServerOptions {
  // Addresses as --listen has them.
  std::vector<std::string> listen;
  Bounds bounds;
  // Threads that answer large requests.
  int worker_count = 1;
  // Asked and told of every call of LossService, in this order. Not owned.
  std::vector<rpc::CallFilter*> filters;
};

// lossd.v1.LossService over gRPC, with reflection and the standard health service.
class GrpcServer {
 public:
  // Listens and serves from here on. `methods` must be those of the .proto file; `limits` and the
  // filters must outlive the server. The error names the method that is missing or too many, or the
  // address that it cannot listen at and why.
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(std::vector<rpc::MethodRow> methods,
                                                           const rpc::Limits& limits,
                                                           const GrpcServerOptions& options);
  // Shuts down without grace unless Shutdown() was called.
  ~GrpcServer();
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  // Returns the addresses of the options, with real ports in place of 0.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Takes no new calls, answers NOT_SERVING to clients that watch its health, and returns when the
  // calls in flight are finished; cancels those that are not after `grace`, and then returns false.
  bool Shutdown(absl::Duration grace);

 private:
  explicit GrpcServer(std::unique_ptr<AsyncService> service);
  absl::Status Listen(const rpc::Limits& limits, const std::vector<std::string>& listen);

  const std::unique_ptr<AsyncService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::string> addresses_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_GRPC_SERVER_H_
