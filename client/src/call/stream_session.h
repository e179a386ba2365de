#ifndef LOSSD_CLIENT_SRC_CALL_STREAM_SESSION_H_
#define LOSSD_CLIENT_SRC_CALL_STREAM_SESSION_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/src/call/connection.h"
#include "client/src/call/stream_call.h"
#include "client/src/convert/destinations.h"
#include "client/src/wire/compute_answer.h"
#include "grpcpp/support/byte_buffer.h"
#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/loss_spec.h"

namespace lossd::client {

// What a Stream is made of: the call, and the batches in flight on it.
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
  // Ends the stream, for this reason. The receiver's.
  void Abandon(const absl::Status& reason) { Break(reason).IgnoreError(); }

 private:
  // A batch that was sent, and what is to become of its answer.
  struct Batch {
    uint64_t sequence = 0;
    OutputOptions outputs;
    Destinations<T> destinations;
  };
  struct AnsweredBatch {
    Batch batch;
    absl::StatusOr<ComputeAnswer> answer;
  };

  // Waits for room in the window, and takes it.
  absl::Status Enter(Batch batch);
  // The next batch's answer; an error when the stream has ended.
  absl::StatusOr<AnsweredBatch> TakeAnswer();
  // Waits for a batch that is to be answered; an error when none will be.
  absl::StatusOr<Batch> NextBatch();
  absl::StatusOr<grpc::ByteBuffer> NextBytes();
  // Reads what is left, and says how the stream ended.
  absl::Status End();
  // The same when the stream was not to end: that it ended well is an error too.
  absl::Status EndedEarly();
  // Ends the stream by the client's own judgement.
  absl::Status Break(absl::Status reason);

  const std::shared_ptr<const Connection> connection_;
  const Limits limits_;
  StreamCall call_;
  uint64_t next_sequence_ = 0;  // the sender's

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Batch> in_flight_;
  std::deque<grpc::ByteBuffer> unread_;  // read while the stream ended
  bool sending_closed_ = false;
  bool reading_ = false;  // a thread is in call_.Read, or has the right to be
  std::optional<absl::Status> end_;
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CALL_STREAM_SESSION_H_
