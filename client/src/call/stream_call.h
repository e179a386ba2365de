#ifndef LOSSD_CLIENT_SRC_CALL_STREAM_CALL_H_
#define LOSSD_CLIENT_SRC_CALL_STREAM_CALL_H_

#include <array>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/src/call/connection.h"
#include "client/src/wire/message_pieces.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

namespace lossd::client {

// A gRPC stream of messages both ways, with operations that block. One thread may write while
// another reads. It has no thread of its own: one of the waiting threads polls for all.
class StreamCall {
 public:
  // Opens the stream. Cancels the call at `deadline`, and when one operation takes longer than
  // `patience`. The connection must outlive it.
  StreamCall(const Connection& connection, const char* method, absl::Time deadline,
             absl::Duration patience);
  // Cancels the call. No operation may be waiting.
  ~StreamCall();

  StreamCall(const StreamCall&) = delete;
  StreamCall& operator=(const StreamCall&) = delete;

  // Return false when the stream has ended, for this operation at least.

  // Returns when the message was sent and gRPC reads its arrays no more.
  bool Write(const MessagePieces& message);
  bool WritesDone();
  bool Read(grpc::ByteBuffer& message);

  // Ends the call and every operation on it, now.
  void Cancel() { context_.TryCancel(); }

  // Waits for the end of the call and returns how it ended. Called once; no read may follow.
  absl::Status Finish();

 private:
  enum Operation { kStart, kWrite, kRead, kFinish };
  struct Event {
    bool pending = false;
    bool ok = false;
  };

  // Marks the operation as begun. Called before it is.
  void Expect(Operation operation);
  // Waits for the end of the operation and returns its outcome. Cancels the call when that takes
  // too long.
  bool Await(Operation operation);
  // Waits until something has changed or until `until`, and returns false in the latter case.
  // Releases the lock meanwhile.
  bool Poll(absl::Time until) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Connection& connection_;
  const absl::Duration patience_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;

  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::array<Event, 4> events_;                   // each is the tag of its operation
  bool polling_ ABSL_GUARDED_BY(mutex_) = false;  // a thread is in the queue
  bool gave_up_ ABSL_GUARDED_BY(mutex_) = false;  // an operation took too long
  bool finished_ = false;                         // Finish was called
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CALL_STREAM_CALL_H_
