#ifndef LOSSD_TESTS_INTEGRATION_TEST_SERVER_H_
#define LOSSD_TESTS_INTEGRATION_TEST_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "grpcpp/channel.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "server/rpc/handlers/handlers.h"
#include "server/server.h"

namespace lossd {

using ComputeAnswer = std::function<absl::StatusOr<v1::ComputeResponse>(
    const v1::ComputeRequest& request, const rpc::CallContext& context)>;

// A server on a free loopback port.
class TestServer {
 public:
  // The real service.
  explicit TestServer(ServerOptions options = {});
  // `compute` in place of the Compute handler; the other methods answer with empty messages.
  explicit TestServer(ComputeAnswer compute, ServerOptions options = {});

  Server& server() { return *server_; }
  const std::string& address() const { return server_->addresses().at(0); }
  std::shared_ptr<grpc::Channel> channel() const { return channel_; }
  v1::LossService::Stub& stub() { return *stub_; }

 private:
  void Start(ServerOptions options);

  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::LossService::Stub> stub_;
};

// A new connection to `address`, with no limit on messages.
std::shared_ptr<grpc::Channel> Connect(const std::string& address);

// A request of about `bytes`, which are no real tensor's.
v1::ComputeRequest RequestOfBytes(size_t bytes);

// So large that a server answers it on a worker.
inline constexpr size_t kLargeRequestBytes = 60 << 10;

// A handler that waits until it is told to go on, or its call is cancelled.
class Gate {
 public:
  absl::StatusOr<v1::ComputeResponse> Answer(const rpc::CallContext& context);
  ComputeAnswer answer();

  // Waits for the handler to be called; false after ten seconds.
  bool WaitUntilEntered() { return entered_.WaitForNotificationWithTimeout(absl::Seconds(10)); }
  void Open() { open_.Notify(); }
  // Waits for the handler to see that its call was cancelled; false after ten seconds.
  bool WaitUntilCancelled() { return cancelled_.WaitForNotificationWithTimeout(absl::Seconds(10)); }

 private:
  absl::Notification entered_;
  absl::Notification open_;
  absl::Notification cancelled_;
};

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_TEST_SERVER_H_
