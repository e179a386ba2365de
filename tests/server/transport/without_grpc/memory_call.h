#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_MEMORY_CALL_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_MEMORY_CALL_H_

#include <cstddef>
#include <deque>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"
#include "server/threads/mutex.h"

namespace lossd {

// A call between a client and a server in the same process, with gRPC's rules: operations end by an
// event, one read and one write at a time, an answer is written when the client has room for it,
// and everything that is under way when the call ends fails. Thread-safe.
class MemoryCall {
 public:
  MemoryCall(absl::Time deadline, size_t unread_answers)
      : deadline_(deadline), unread_answers_(unread_answers) {}

  // The server's side.
  void Begin(grpc::CompletionQueue& queue, void* done_tag);
  void Read(grpc::ByteBuffer* message, void* tag);
  void Write(grpc::ByteBuffer message, void* tag);
  void WriteAndFinish(grpc::ByteBuffer message, grpc::Status status, void* tag);
  void Finish(grpc::Status status, void* tag);
  bool IsCancelled() const;
  absl::Time deadline() const { return deadline_; }

  // The client's side.
  void Send(grpc::ByteBuffer message);
  void Close();
  void Cancel();
  // Returns the next answer, nullopt when the call has ended without a further one.
  std::optional<grpc::ByteBuffer> Receive();
  // Waits for the end of the call. Drops the answers that were not received.
  grpc::Status Finish();

 private:
  struct PendingRead {
    grpc::ByteBuffer* message;
    void* tag;
  };
  struct PendingWrite {
    grpc::ByteBuffer message;
    void* tag;
    std::optional<grpc::Status> end;  // if the call ends with it
  };

  bool ended() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return status_.has_value(); }
  void End(grpc::Status status, void* tag) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the operations that can end now.
  void Advance() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AdvanceRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AdvanceWrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const absl::Time deadline_;
  const size_t unread_answers_;
  mutable Mutex mutex_;
  grpc::CompletionQueue* queue_ ABSL_GUARDED_BY(mutex_) = nullptr;
  void* done_tag_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::deque<grpc::ByteBuffer> requests_ ABSL_GUARDED_BY(mutex_);
  std::deque<grpc::ByteBuffer> answers_ ABSL_GUARDED_BY(mutex_);
  std::optional<PendingRead> reading_ ABSL_GUARDED_BY(mutex_);
  std::optional<PendingWrite> writing_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_MEMORY_CALL_H_
