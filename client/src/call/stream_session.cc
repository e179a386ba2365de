#include "client/src/call/stream_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/src/convert/compute_decoding.h"
#include "client/src/convert/request_encoding.h"
#include "client/src/wire/message_pieces.h"
#include "lossd/v1/compute.pb.h"

namespace lossd::client {

template <typename T>
StreamSession<T>::StreamSession(std::shared_ptr<const Connection> connection, const Limits& limits)
    : connection_(std::move(connection)),
      limits_(limits),
      call_(*connection_, "ComputeStream", limits.deadline, limits.patience) {}

template <typename T>
absl::Status StreamSession<T>::Send(const ArrayView<T>& logits, const Labels& labels,
                                    const LossSpec& loss, const ComputeOptions& options) {
  absl::StatusOr<MessagePieces> request = EncodeCompute(logits, labels, loss, options);
  if (!request.ok()) return request.status();
  const auto destinations = FindDestinations<T>(logits.shape(), loss.activation, options);
  if (!destinations.ok()) return destinations.status();
  v1::ComputeStreamRequest envelope;
  envelope.set_sequence(next_sequence_);
  request->WrapAs(v1::ComputeStreamRequest::kRequestFieldNumber, envelope);
  if (absl::Status status = connection_->CheckSize(*request); !status.ok()) return status;
  if (absl::Status status = Enter({next_sequence_, options.outputs, *destinations}); !status.ok()) {
    return status;
  }
  ++next_sequence_;
  return call_.Write(*request) ? absl::OkStatus() : EndedEarly();
}

template <typename T>
void StreamSession<T>::AwaitReader() const {
  const auto idle = [this] { return !reading_; };
  mutex_.Await(absl::Condition(&idle));
}

template <typename T>
absl::Status StreamSession<T>::Enter(Batch batch) {
  const absl::MutexLock lock(&mutex_);
  if (sending_closed_) return absl::FailedPreconditionError("sending was closed");
  const auto window = static_cast<size_t>(limits_.window);
  const auto may_go_on = [&] { return end_ || in_flight_.size() < window; };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&may_go_on), limits_.patience)) {
    return absl::DeadlineExceededError(absl::StrCat("none of the ", window,
                                                    " batches in flight was received for ",
                                                    absl::FormatDuration(limits_.patience)));
  }
  if (end_) {
    return end_->ok() ? absl::FailedPreconditionError("the stream has ended") : *end_;
  }
  in_flight_.push_back(std::move(batch));
  return absl::OkStatus();
}

template <typename T>
absl::StatusOr<Result<T>> StreamSession<T>::Receive() {
  const absl::StatusOr<AnsweredBatch> answered = TakeAnswer();
  if (!answered.ok()) return answered.status();
  if (!answered->response.ok()) return answered->response.status();
  return DecodeCompute<T>(*answered->response, answered->batch.outputs,
                          answered->batch.destinations);
}

template <typename T>
absl::StatusOr<typename StreamSession<T>::AnsweredBatch> StreamSession<T>::TakeAnswer() {
  absl::StatusOr<Batch> batch = NextBatch();
  if (!batch.ok()) return batch.status();
  absl::StatusOr<grpc::ByteBuffer> bytes = NextBytes();
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<ReceivedStreamResponse> answer = ReadStreamResponse(*bytes);
  if (!answer.ok()) return Break(answer.status());
  if (answer->sequence != batch->sequence) {
    return Break(absl::InternalError(absl::StrCat("the server answered batch ", answer->sequence,
                                                  " where ", batch->sequence, " was due")));
  }
  {
    const absl::MutexLock lock(&mutex_);
    // The sender may have found meanwhile that the stream broke.
    if (in_flight_.empty()) {
      return end_ && !end_->ok() ? *end_ : absl::CancelledError("the stream has ended");
    }
    in_flight_.pop_front();
  }
  return AnsweredBatch{*std::move(batch), std::move(answer->result)};
}

template <typename T>
absl::StatusOr<typename StreamSession<T>::Batch> StreamSession<T>::NextBatch() {
  {
    const absl::MutexLock lock(&mutex_);
    const auto may_go_on = [this] { return !in_flight_.empty() || sending_closed_ || end_; };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&may_go_on), limits_.patience)) {
      return absl::DeadlineExceededError(
          absl::StrCat("no batch was sent for ", absl::FormatDuration(limits_.patience)));
    }
    if (!in_flight_.empty()) return in_flight_.front();
  }
  const absl::Status end = End();
  return end.ok() ? absl::OutOfRangeError("the stream has ended") : end;
}

template <typename T>
absl::StatusOr<grpc::ByteBuffer> StreamSession<T>::NextBytes() {
  grpc::ByteBuffer bytes;
  bool may_read = false;
  {
    const absl::MutexLock lock(&mutex_);
    AwaitReader();
    if (!unread_.empty()) {
      bytes = unread_.front();
      unread_.pop_front();
      return bytes;
    }
    may_read = !end_;
    reading_ = may_read;
  }
  const bool read = may_read && call_.Read(bytes);
  if (may_read) {
    const absl::MutexLock lock(&mutex_);
    reading_ = false;
  }
  return read ? absl::StatusOr<grpc::ByteBuffer>(bytes) : EndedEarly();
}

template <typename T>
absl::Status StreamSession<T>::EndedEarly() {
  const absl::Status end = End();
  return end.ok() ? Break(absl::InternalError("the server ended the stream too early")) : end;
}

template <typename T>
absl::Status StreamSession<T>::End() {
  {
    const absl::MutexLock lock(&mutex_);
    AwaitReader();
    if (end_) return *end_;
    reading_ = true;
  }
  std::deque<grpc::ByteBuffer> unread;
  for (grpc::ByteBuffer bytes; call_.Read(bytes); bytes.Clear()) unread.push_back(bytes);
  absl::Status end = call_.Finish();
  const absl::MutexLock lock(&mutex_);
  unread_ = std::move(unread);
  end_ = end;
  reading_ = false;
  return end;
}

template <typename T>
absl::Status StreamSession<T>::Break(absl::Status reason) {
  call_.Cancel();
  End().IgnoreError();
  const absl::MutexLock lock(&mutex_);
  in_flight_.clear();
  unread_.clear();
  end_ = reason;
  return reason;
}

template <typename T>
absl::Status StreamSession<T>::CloseSending() {
  {
    const absl::MutexLock lock(&mutex_);
    if (end_) return *end_;
    if (sending_closed_) return absl::OkStatus();
    sending_closed_ = true;
  }
  const bool closed = call_.WritesDone();
  return closed ? absl::OkStatus() : End();
}

template <typename T>
absl::Status StreamSession<T>::Finish() {
  if (absl::Status status = CloseSending(); !status.ok()) return status;
  while (TakeAnswer().ok()) {
  }
  return status();
}

template <typename T>
absl::Status StreamSession<T>::status() const {
  const absl::MutexLock lock(&mutex_);
  return end_.value_or(absl::OkStatus());
}

template class StreamSession<float>;
template class StreamSession<double>;

}  // namespace lossd::client
