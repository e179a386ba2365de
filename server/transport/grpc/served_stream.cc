#include "server/transport/grpc/served_stream.h"

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "server/rpc/catch_exceptions.h"
#include "server/transport/grpc/byte_buffer.h"
#include "server/transport/grpc/grpc_status.h"

namespace lossd::transport {
namespace {

// A batch like the one before it is larger by this much at most: its sequence takes more digits.
constexpr int64_t kSequenceGrowth = 16;

}  // namespace

void ServedStream::Await(const ServedMethod& method, EventQueue& queue,
                         CallEnvironment& environment) {
  (new ServedStream(method, queue, environment))->AwaitArrival();
}

ServedStream::~ServedStream() { environment().streams.Remove(*this); }

void ServedStream::AwaitNext() { Await(served_method(), queue(), environment()); }

void ServedStream::OnAdmitted() {
  {
    const absl::MutexLock lock(&mutex_);
    last_progress_ = OpenStreams::Clock::now();
  }
  environment().streams.Add(*this);
  Advance();
}

void ServedStream::OnRefused(absl::Status refused) { StopTaking(std::move(refused)); }

void ServedStream::OnDrain() { StopTaking(ShuttingDown()); }

bool ServedStream::EndIfIdleSince(OpenStreams::Clock::time_point since) {
  {
    const absl::MutexLock lock(&mutex_);
    const Drain::Stage stage = StageNow();
    if (stage == Drain::Stage::kComputing || last_progress_ > since) return !finishing_;
    if (stage != Drain::Stage::kArriving) return false;
  }
  StopTaking(ShuttingDown());
  return false;
}

Drain::Stage ServedStream::StageNow() const {
  if (finishing_) return Drain::Stage::kAnswering;
  if (has_request_) return Drain::Stage::kComputing;
  for (const Batch& batch : batches_) {
    if (!batch.answered) return Drain::Stage::kComputing;
  }
  return batches_.empty() ? Drain::Stage::kArriving : Drain::Stage::kAnswering;
}

void ServedStream::OnRead(bool ok) {
  {
    const absl::MutexLock lock(&mutex_);
    reading_ = false;
    if (!ok || !takes_requests_) CancelReservation();
    if (!ok) {  // The client has closed its side or is gone; to one that closed nothing is lost.
      takes_requests_ = false;
      end_ = absl::OkStatus();
    } else if (takes_requests_) {
      has_request_ = true;
      last_progress_ = OpenStreams::Clock::now();
      request_arrival_ = environment().filters.Now();
      // It came before the answer to the one before it was out: more may be at hand.
      if (!batches_.empty()) HoldAnswers();
    } else {
      request_.Clear();
    }
  }
  Advance();
  LetGo();
}

void ServedStream::OnWritten(bool) {
  {
    const absl::MutexLock lock(&mutex_);
    writing_ = false;
    last_progress_ = OpenStreams::Clock::now();
    RemoveOldest();
  }
  Advance();
  LetGo();
}

void ServedStream::OnQueueIdle(bool) {
  {
    const absl::MutexLock lock(&mutex_);
    holds_answers_ = false;
  }
  Advance();
  LetGo();
}

void ServedStream::OnFinished(bool ok) {
  if (!ok) {
    const absl::MutexLock lock(&mutex_);
    NoteUndelivered();
  }
  LetGo();
}

// If the call was cancelled, its operations fail, and with those events the stream comes to its
// end.
void ServedStream::OnDone() { LetGo(); }

void ServedStream::StopTaking(absl::Status end) {
  const absl::MutexLock lock(&mutex_);
  if (!takes_requests_) return;
  takes_requests_ = false;
  end_ = std::move(end);
  FinishIfDone();
}

void ServedStream::Advance() {
  while (Batch* batch = StartWhatCanBe()) Compute(*batch);
}

ServedStream::Batch* ServedStream::StartWhatCanBe() {
  const absl::MutexLock lock(&mutex_);
  if (finishing_) return nullptr;
  if (Cancelled()) Abandon();
  if (CanWrite()) Write();
  Batch* small = has_request_ && !request_waits_ ? TakeRequest() : nullptr;
  if (MayRead()) Read();
  FinishIfDone();
  Enter(StageNow());
  return small;
}

bool ServedStream::WindowIsFull() const {
  return batches_.size() >= static_cast<size_t>(environment().limits.max_stream_window);
}

bool ServedStream::CanWrite() const {
  if (writing_ || batches_.empty() || !batches_.front().answered) return false;
  return !holds_answers_ || WindowIsFull();
}

bool ServedStream::MayRead() {
  if (!takes_requests_ || reading_ || has_request_ || WindowIsFull()) return false;
  if (batches_.empty()) return true;
  const int64_t bytes = std::min(std::max(LargestInFlight(), last_bytes_) + kSequenceGrowth,
                                 environment().limits.max_message_bytes);
  if (!environment().admission.ReserveBytes(bytes)) return false;
  reserved_bytes_ = bytes;
  return true;
}

int64_t ServedStream::LargestInFlight() const {
  int64_t largest = 0;
  for (const Batch& batch : batches_) largest = std::max(largest, batch.admitted_bytes);
  return largest;
}

void ServedStream::CancelReservation() {
  environment().admission.CancelReservation(std::exchange(reserved_bytes_, 0));
}

void ServedStream::RemoveOldest() {
  const int64_t bytes = batches_.front().admitted_bytes;
  environment().admission.ReturnBytes(bytes);
  batches_.pop_front();
  if (bytes > 0) request_waits_ = false;
  // An idle stream, which may wait for long for the next message, keeps nothing from others.
  if (batches_.empty() && !has_request_) CancelReservation();
}

void ServedStream::Abandon() {
  takes_requests_ = false;
  end_ = absl::CancelledError("the call was cancelled");
  if (has_request_) {
    request_.Clear();
    CancelReservation();
  }
  has_request_ = false;
  request_waits_ = false;
  while (!writing_ && !batches_.empty() && batches_.front().answered) RemoveOldest();
}

void ServedStream::HoldAnswers() {
  if (holds_answers_) return;
  holds_answers_ = true;
  Hold();
  queue().WhenIdle(idle_tag_);
}

ServedStream::Batch* ServedStream::TakeRequest() {
  Admission& admission = environment().admission;
  const auto bytes = static_cast<int64_t>(request_.Length());
  absl::Status refused = admission.AdmitReserved(std::exchange(reserved_bytes_, 0), bytes);
  if (!refused.ok() && LargestInFlight() > 0) {
    admission.ReserveInMemory(bytes);
    reserved_bytes_ = bytes;
    request_waits_ = true;
    return nullptr;
  }
  has_request_ = false;
  Batch& batch = batches_.emplace_back();
  batch.bytes.Swap(&request_);
  batch.arrival = request_arrival_;
  batch.refused = std::move(refused);
  if (!batch.refused.ok()) return &batch;
  batch.admitted_bytes = bytes;
  last_bytes_ = bytes;
  if (batch.bytes.Length() <= kSmallRequestBytes) return &batch;
  Hold();
  environment().workers.Schedule({0, bytes, [this, &batch] {
                                    Compute(batch);
                                    Advance();
                                    LetGo();
                                  }});
  return nullptr;
}

void ServedStream::Read() {
  reading_ = true;
  Hold();
  stream().Read(&request_, &read_tag_);
}

void ServedStream::Write() {
  writing_ = true;
  Hold();
  grpc::WriteOptions options;
  // gRPC may keep an answer until the next one comes, which is at hand. Not the first: the headers
  // go with it, and while gRPC keeps those the write is not over.
  if (has_written_ && batches_.size() > 1 && batches_[1].answered) options.set_buffer_hint();
  has_written_ = true;
  stream().Write(batches_.front().bytes, options, &written_tag_);
}

void ServedStream::FinishIfDone() {
  if (finishing_ || takes_requests_ || has_request_ || !batches_.empty()) return;
  finishing_ = true;
  Enter(Drain::Stage::kAnswering);
  Hold();
  stream().Finish(ToGrpcStatus(EndWith(end_)), &finished_tag_);
}

void ServedStream::Compute(Batch& batch) {
  const CallFilters& filters = environment().filters;
  rpc::CallCosts costs;
  costs.messages = 1;
  costs.request_bytes = static_cast<int64_t>(batch.bytes.Length());
  const CallFilters::Moment begin = filters.Now();
  const absl::Status status = Answer(batch);
  costs.queued = absl::FromChrono(begin - batch.arrival);
  costs.computing = absl::FromChrono(filters.Now() - begin);
  costs.response_bytes = static_cast<int64_t>(batch.bytes.Length());
  costs.failed_messages = status.ok() ? 0 : 1;
  if (!Cancelled()) filters.MessageAnswered(info(), status, costs);
  const absl::MutexLock lock(&mutex_);
  AddCosts(costs);
  AddNotes(std::move(batch.notes));
  batch.answered = true;
}

absl::Status ServedStream::Answer(Batch& batch) {
  absl::Status status;
  absl::Status thrown = rpc::CatchExceptions([&] {
    rpc::StreamAnswer answer = MakeAnswer(batch);
    status = std::move(answer.status);
    batch.bytes = ToByteBuffer(std::move(answer.message));
    return absl::OkStatus();
  });
  if (thrown.ok()) return status;
  batch.bytes = ToByteBuffer(stream_method().refuse({}, thrown));
  return thrown;
}

rpc::StreamAnswer ServedStream::MakeAnswer(Batch& batch) {
  auto request = TakeReceivedBytes(batch.bytes);
  if (!request.ok()) return {stream_method().refuse({}, request.status()), request.status()};
  absl::Status refused = std::move(batch.refused);
  // It may have waited for a worker.
  if (refused.ok() && Cancelled()) refused = absl::CancelledError("the call was cancelled");
  if (!refused.ok()) return {stream_method().refuse(*request, refused), refused};
  return stream_method().answer(*std::move(request), Context(batch.notes));
}

void ServedStream::LetGo() {
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) DeleteThis();
}

}  // namespace lossd::transport
