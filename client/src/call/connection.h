#ifndef LOSSD_CLIENT_SRC_CALL_CONNECTION_H_
#define LOSSD_CLIENT_SRC_CALL_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/src/wire/message_pieces.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "lossd/options.h"

namespace lossd::client {

// INVALID_ARGUMENT when an option makes no sense.
absl::Status CheckOptions(const ClientOptions& options);

// The channel to a server, and what every call does the same way. Messages pass as bytes: the
// generated stubs copy every array three times. Thread-safe.
class Connection {
 public:
  explicit Connection(const ClientOptions& options);

  // Calls a method with one request and one answer, and waits. `method` is its name, "Compute".
  absl::StatusOr<grpc::ByteBuffer> Call(const char* method, const MessagePieces& request,
                                        const CallOptions& call) const;

  // How long a call may take; INVALID_ARGUMENT when that makes no sense.
  absl::StatusOr<absl::Duration> DeadlineOf(const CallOptions& call) const;

  // RESOURCE_EXHAUSTED when the request is over the client's limit.
  absl::Status CheckSize(const MessagePieces& request) const;

  grpc::GenericStub& stub() const { return *stub_; }

 private:
  std::unique_ptr<grpc::GenericStub> stub_;
  absl::Duration deadline_;
  int64_t max_message_bytes_;
};

// The method's path in the URL of a call.
std::string MethodPath(const char* method);

// Ends a queue that gets no further events.
void DrainQueue(grpc::CompletionQueue* queue);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CALL_CONNECTION_H_
