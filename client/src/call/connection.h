#ifndef LOSSD_CLIENT_SRC_CALL_CONNECTION_H_
#define LOSSD_CLIENT_SRC_CALL_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/src/wire/message_pieces.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "lossd/options.h"

namespace grpc {
class ClientContext;
class Status;
}  // namespace grpc

namespace lossd::client {

// Returns INVALID_ARGUMENT when an option is outside its range.
absl::Status CheckOptions(const ClientOptions& options);

// The channels to a server, and what all calls have in common. Messages pass as bytes, because the
// generated stubs copy every array three times. Thread-safe.
class Connection {
 public:
  explicit Connection(const ClientOptions& options);

  // Calls a method with one request and one answer, and waits for the answer. `method` is its name,
  // "Compute", or of another service than LossService "RunService/GetRun".
  absl::StatusOr<grpc::ByteBuffer> Call(const char* method, const MessagePieces& request,
                                        const CallOptions& call) const;

  // Returns how long a call may take. Returns INVALID_ARGUMENT when that is not above 0 and finite.
  absl::StatusOr<absl::Duration> DeadlineOf(const CallOptions& call) const;

  // Returns RESOURCE_EXHAUSTED when the request is over the client's limit.
  absl::Status CheckSize(const MessagePieces& request) const;

  // Returns how a call ended. An error of the server is its own code, message and details; one of
  // gRPC says as well what the client may do about it.
  absl::Status EndOf(const grpc::Status& status) const;

  // Adds what goes with every call. The call has not begun.
  void AddMetadata(grpc::ClientContext& context) const;

  grpc::GenericStub& stub() const { return *stub_; }

  // Returns what makes calls of streams. gRPC keeps the first kKeptOfStream of what is sent on one
  // until the server answers, which the server may not do before more is sent. It lets go of longer
  // messages at once.
  grpc::GenericStub& stream_stub() const { return *stream_stub_; }
  static constexpr int64_t kKeptOfStream = int64_t{256} << 10;

 private:
  std::optional<std::string> proxy_;
  std::string authorization_;                       // "" for none
  std::unique_ptr<grpc::GenericStub> stub_;         // of calls with one message
  std::unique_ptr<grpc::GenericStub> stream_stub_;  // connects with the first stream
  absl::Duration deadline_;
  int64_t max_message_bytes_;
};

// Returns the method's path in the URL of a call.
std::string MethodPath(const char* method);

// Shuts down a queue and takes the events that are left in it.
void DrainQueue(grpc::CompletionQueue& queue);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CALL_CONNECTION_H_
