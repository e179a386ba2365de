#ifndef LOSSD_TESTS_INTEGRATION_TEST_SERVER_H_
#define LOSSD_TESTS_INTEGRATION_TEST_SERVER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "server/rpc/call.h"
#include "server/rpc/call_filter.h"
#include "server/rpc/limits.h"
#include "server/server.h"
#include "server/transport/call_environment.h"
#include "server/transport/grpc/grpc_server.h"

namespace lossd {

using ComputeAnswer = std::function<absl::StatusOr<v1::ComputeResponse>(
    const v1::ComputeRequest& request, const rpc::CallContext& context)>;

// A server on a free loopback port.
class TestServer {
 public:
  // The real service.
  explicit TestServer(ServerOptions options = {});
  // `compute` in place of the Compute handler, over gRPC; the other methods answer with empty
  // messages. `filters` are asked and told of the calls.
  explicit TestServer(const ComputeAnswer& compute, const ServerOptions& options = {},
                      std::vector<rpc::CallFilter*> filters = {});

  bool Shutdown(absl::Duration grace) {
    if (server_) return server_->Shutdown(grace);
    return grpc_server_->Shutdown(std::chrono::steady_clock::now() +
                                  absl::ToChronoNanoseconds(grace));
  }
  // Of a server with the real service.
  absl::Status ReloadTokens() { return server_->ReloadTokens(); }
  const std::string& address() const {
    return (server_ ? server_->addresses() : grpc_server_->addresses()).at(0);
  }
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }
  v1::LossService::Stub& stub() { return *stub_; }
  // Of a server without the real service.
  const transport::ByteBudget& budget() const { return environment_->budget; }

 private:
  rpc::Limits limits_;
  // The one, or the other two.
  std::unique_ptr<Server> server_;
  std::optional<transport::CallEnvironment> environment_;
  std::unique_ptr<transport::GrpcServer> grpc_server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::LossService::Stub> stub_;
};

// Returns a new connection to `address`, with no limit on messages.
std::shared_ptr<grpc::Channel> Connect(const std::string& address);

// Returns a request of about `bytes`, which are no real tensor's.
v1::ComputeRequest RequestOfBytes(size_t bytes);

// The size of requests that a server answers on a worker.
inline constexpr size_t kLargeRequestBytes = 60 << 10;

// A handler that waits until it is told to go on, or its call is cancelled.
class Gate {
 public:
  absl::StatusOr<v1::ComputeResponse> Answer(const rpc::CallContext& context);
  ComputeAnswer answer();

  // Waits for the handler to be called; returns false after ten seconds.
  bool WaitUntilEntered() { return entered_.WaitForNotificationWithTimeout(absl::Seconds(10)); }
  void Open() { open_.Notify(); }
  // Waits for the handler to see that its call was cancelled; returns false after ten seconds.
  bool WaitUntilCancelled() { return cancelled_.WaitForNotificationWithTimeout(absl::Seconds(10)); }

 private:
  absl::Notification entered_;
  absl::Notification open_;
  absl::Notification cancelled_;
};

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_TEST_SERVER_H_
