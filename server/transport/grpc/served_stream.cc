#include "server/transport/grpc/served_stream.h"

#include <algorithm>
#include <utility>

#include "server/threads/coarse_clock.h"
#include "server/transport/byte_budget.h"
#include "server/transport/grpc/grpc_status.h"

namespace lossd::transport {
void ServedStream::Await(const ServedMethod& method, EventQueue& queue, GrpcCalls& calls) {
  (new ServedStream(method, queue, calls))->AwaitArrival();
}

ServedStream::~ServedStream() { environment().streams.Remove(*this); }

void ServedStream::AwaitNext() { Await(served_method(), queue(), calls()); }

void ServedStream::OnAdmitted() {
  {
    const MutexLock lock(&mutex_);
    last_progress_ = CoarseNow();
  }
  environment().streams.Add(*this);
  Advance();
}

void ServedStream::OnRefused(absl::Status refused) { StopTaking(std::move(refused)); }

void ServedStream::OnDrain() { StopTaking(ShuttingDown()); }

bool ServedStream::EndIfIdleSince(OpenStreams::Clock::time_point since) {
  {
    const MutexLock lock(&mutex_);
    const Drain::Stage stage = StageNow();
    if (stage == Drain::Stage::kComputing || last_progress_ > since) return !finishing_;
    if (stage != Drain::Stage::kArriving) return false;
  }
  StopTaking(ShuttingDown());
  return false;
}

Drain::Stage ServedStream::StageNow() const {
  if (finishing_) return Drain::Stage::kAnswering;
  if (has_request_ || unanswered_ > 0) return Drain::Stage::kComputing;
  return batches_.empty() ? Drain::Stage::kArriving : Drain::Stage::kAnswering;
}

void ServedStream::OnSummons(Summons::Reasons reasons) {
  if ((reasons & Summons::kReserved) != 0) {
    {
      const MutexLock lock(&mutex_);
      waits_ = false;
      if (takes_requests_) {
        Read();
      } else {
        CancelReservation();
      }
      FinishIfDone();
    }
    LetGo();  // It was held while it waited.
  }
  if ((reasons & Summons::kTimeUp) != 0) EndIfStalled();
  if ((reasons & Summons::kNeeded) != 0) EndIfIdle();
  if ((reasons & Summons::kExceeded) != 0) EndUnlessMoreFits();
  LetGo();
}

void ServedStream::EndIfStalled() {
  const MutexLock lock(&mutex_);
  if (writing_ && batches_.front().charge->LimitPassed(CoarseNow())) Cancel();
}

void ServedStream::EndUnlessMoreFits() {
  absl::Status refused;
  {
    const MutexLock lock(&mutex_);
    if (!reading_ || !takes_requests_) return;
    refused = environment().budget.ReserveMore(*next_);
  }
  if (!refused.ok()) StopTaking(std::move(refused));
}

void ServedStream::EndIfIdle() {
  {
    const MutexLock lock(&mutex_);
    if (!reading_ || !batches_.empty() || has_request_) return;
  }
  StopTaking(environment().budget.Overloaded());
}

void ServedStream::OnRead(bool ok) {
  {
    const MutexLock lock(&mutex_);
    reading_ = false;
    if (ok && takes_requests_) {
      end_ = CheckMessage();
      takes_requests_ = end_.ok();
    }
    if (!ok || !takes_requests_) CancelReservation();
    if (!ok) {  // The client has closed its side or is gone; to one that closed nothing is lost.
      takes_requests_ = false;
      end_ = absl::OkStatus();
    } else if (takes_requests_) {
      has_request_ = true;
      last_progress_ = CoarseNow();
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
    const MutexLock lock(&mutex_);
    writing_ = false;
    last_progress_ = CoarseNow();
    RemoveOldest();
  }
  Advance();
  LetGo();
}

void ServedStream::OnQueueIdle(bool) {
  {
    const MutexLock lock(&mutex_);
    holds_answers_ = false;
  }
  Advance();
  LetGo();
}

void ServedStream::OnFinished(bool ok) {
  if (!ok) {
    const MutexLock lock(&mutex_);
    NoteUndelivered();
  }
  LetGo();
}

// If the call was cancelled, its operations fail, and with those events the stream comes to its
// end. One that waits for room has none.
void ServedStream::OnDone() {
  Advance();
  LetGo();
}

void ServedStream::StopTaking(absl::Status end) {
  const MutexLock lock(&mutex_);
  if (!takes_requests_) return;
  takes_requests_ = false;
  end_ = std::move(end);
  StopWaiting();
  FinishIfDone();
}

void ServedStream::Advance() {
  while (Batch* batch = StartWhatCanBe()) ComputeOnQueue(*batch);
}

ServedStream::Batch* ServedStream::StartWhatCanBe() {
  const MutexLock lock(&mutex_);
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
  if (!takes_requests_ || reading_ || has_request_ || waits_ || WindowIsFull()) return false;
  return ReserveNext();
}

void ServedStream::RemoveOldest() {
  Batch& oldest = batches_.front();
  last_taken_ = oldest.charge->taken();
  environment().budget.Return(*oldest.charge);
  if (oldest.refused.ok()) request_waits_ = false;
  spare_ = std::move(oldest.charge);
  batches_.pop_front();
  if (batches_.empty() && reading_) {
    environment().budget.NoteIdle(*next_, CoarseNow());
  }
}

void ServedStream::Abandon() {
  takes_requests_ = false;
  end_ = absl::CancelledError("the call was cancelled");
  StopWaiting();
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
  ByteBudget& budget = environment().budget;
  const auto bytes = static_cast<int64_t>(request_.Length());
  const bool too_large = bytes > environment().limits.max_message_bytes;
  absl::Status refused;
  if (too_large) {
    budget.ArrivedToStay(*next_, bytes);  // until the method has refused it
  } else {
    refused = budget.Arrived(*next_, bytes);
  }
  if (!refused.ok() && HoldsBytes()) {
    budget.ArrivedToStay(*next_, bytes);
    request_waits_ = true;
    return nullptr;
  }
  has_request_ = false;
  Batch& batch = batches_.emplace_back();
  ++unanswered_;
  batch.bytes.Swap(&request_);
  batch.arrival = request_arrival_;
  batch.charge = std::move(next_);
  batch.refused = std::move(refused);
  batch.expected = {bytes, batch.charge->bytes()};
  last_message_ = bytes;
  if (!batch.refused.ok()) return &batch;
  if (too_large || batch.bytes.Length() <= kSmallRequestBytes) return &batch;
  ComputeOnWorker(batch, bytes);
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
  const auto bytes = static_cast<int64_t>(batches_.front().bytes.Length());
  batches_.front().charge->SetLimit(CoarseNow() + environment().budget.TimeFor(bytes));
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

void ServedStream::LetGo() {
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) DeleteThis();
}

}  // namespace lossd::transport
