#ifndef LOSSD_CLIENT_SRC_CALL_STREAM_CALL_H_
#define LOSSD_CLIENT_SRC_CALL_STREAM_CALL_H_

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/src/call/connection.h"
#include "client/src/wire/message_pieces.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

namespace lossd::client {

// A gRPC stream of messages both ways, with operations that block. One thread may write while
// another reads. It has no thread of its own: of those that wait, one polls for all.
class StreamCall {
 public:
  // Opens the stream. All of it ends at `deadline`, and each operation takes at most `patience`,
  // else the call is cancelled.
  StreamCall(const Connection& connection, const char* method, absl::Time deadline,
             absl::Duration patience);
  // Cancels what is going on. Nothing waits any more.
  ~StreamCall();

  StreamCall(const StreamCall&) = delete;
  StreamCall& operator=(const StreamCall&) = delete;

  // Each is false when the stream has ended, for this operation at least.

  // Returns when the message has left and its arrays are the caller's again.
  bool Write(const MessagePieces& message);
  bool WritesDone();
  bool Read(grpc::ByteBuffer* message);

  // Ends what is going on, now.
  void Cancel() { context_.TryCancel(); }

  // Waits for the end of the call, and says how it ended; nothing is read after. Once.
  absl::Status Finish();

 private:
  enum Operation { kStart, kWrite, kRead, kFinish };
  struct Event {
    bool pending = false;
    bool ok = false;
  };

  // Before an operation is begun.
  void Expect(Operation operation);
  // Waits for it; cancels the call when it takes too long. What it came to.
  bool Await(Operation operation);
  // Waits until something has changed, or for this long; false when it was this long.
  bool Poll(std::unique_lock<std::mutex>* lock, absl::Time until);

  const absl::Duration patience_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Event, 4> events_;  // each is the tag of its operation
  bool polling_ = false;         // a thread is in the queue
  bool gave_up_ = false;         // an operation took too long
  bool finished_ = false;        // Finish was called
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CALL_STREAM_CALL_H_
