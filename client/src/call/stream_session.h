#ifndef LOSSD_CLIENT_SRC_CALL_STREAM_SESSION_H_
#define LOSSD_CLIENT_SRC_CALL_STREAM_SESSION_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/src/call/connection.h"
#include "client/src/call/stream_call.h"
#include "client/src/convert/destinations.h"
#include "client/src/wire/received_response.h"
#include "grpcpp/support/byte_buffer.h"
#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/loss_spec.h"

namespace lossd::client {

// The inside of a Stream: the call, and the batches in flight on it.
template <typename T>
class StreamSession {
 public:
  struct Limits {
    int32_t window = 1;
    absl::Duration patience = absl::ZeroDuration();  // of each wait
    absl::Time deadline = absl::InfiniteFuture();    // of the whole stream
  };

  StreamSession(std::shared_ptr<const Connection> connection, const Limits& limits);

  int32_t window() const { return limits_.window; }
  absl::Status Send(const ArrayView<T>& logits, const Labels& labels, const LossSpec& loss,
                    const ComputeOptions& options);
  absl::StatusOr<Result<T>> Receive();
  absl::Status CloseSending();
  absl::Status Finish();
  absl::Status status() const;
  // Ends the stream for this reason. Called by the receiver.
  void Abandon(const absl::Status& reason) { Break(reason).IgnoreError(); }

 private:
  // A batch that was sent, and how its answer is read.
  struct Batch {
    uint64_t sequence = 0;
    OutputOptions outputs;
    Destinations<T> destinations;
  };
  struct AnsweredBatch {
    Batch batch;
    absl::StatusOr<ReceivedResponse> response;
  };

  // Waits until no thread reads.
  void AwaitReader() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for room in the window, and takes it.
  absl::Status Enter(Batch batch);
  // Returns the next batch with its answer, an error when the stream has ended.
  absl::StatusOr<AnsweredBatch> TakeAnswer();
  // Waits for a batch that is to be answered. Returns an error when none will be.
  absl::StatusOr<Batch> NextBatch();
  absl::StatusOr<grpc::ByteBuffer> NextBytes();
  // Reads the messages that are left, and returns how the stream ended.
  absl::Status End();
  // Does the same when the stream was not to end yet. Returns an error in any case.
  absl::Status EndedEarly();
  // Ends the stream with the client's own status.
  absl::Status Break(absl::Status reason);

  const std::shared_ptr<const Connection> connection_;
  const Limits limits_;
  StreamCall call_;
  uint64_t next_sequence_ = 0;  // the sender's

  mutable absl::Mutex mutex_;
  std::deque<Batch> in_flight_ ABSL_GUARDED_BY(mutex_);
  // Read while the stream ended.
  std::deque<grpc::ByteBuffer> unread_ ABSL_GUARDED_BY(mutex_);
  bool sending_closed_ ABSL_GUARDED_BY(mutex_) = false;
  // A thread is in call_.Read, or has the right to be.
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CALL_STREAM_SESSION_H_
