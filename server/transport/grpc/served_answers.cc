#include "server/transport/grpc/served_answers.h"

#include <chrono>
#include <utility>

#include "server/threads/coarse_clock.h"
#include "server/transport/byte_budget.h"
#include "server/transport/grpc/grpc_status.h"

namespace lossd::transport {
void ServedAnswers::Await(const ServedMethod& method, EventQueue& queue, GrpcCalls& calls) {
  (new ServedAnswers(method, queue, calls))->AwaitArrival();
}

ServedAnswers::~ServedAnswers() { environment().streams.Remove(*this); }

void ServedAnswers::AwaitNext() { Await(served_method(), queue(), calls()); }

void ServedAnswers::OnAdmitted() {
  environment().streams.Add(*this);
  const MutexLock lock(&mutex_);
  if (stage_ == Stage::kEnding) return;  // The server drains.
  charge_.emplace(source(), Reader::kCall, charge_owner());
  switch (environment().budget.Reserve(*charge_, CoarseNow())) {
    case ByteBudget::Reservation::kReserved:
      Read();
      break;
    case ByteBudget::Reservation::kWaits:
      break;
    case ByteBudget::Reservation::kRefused:
      Finish(environment().budget.Overloaded());
  }
}

void ServedAnswers::OnRefused(absl::Status refused) {
  const MutexLock lock(&mutex_);
  Finish(std::move(refused));
}

void ServedAnswers::OnDrain() {
  const MutexLock lock(&mutex_);
  Stop(ShuttingDown());
}

bool ServedAnswers::EndIfIdleSince(OpenStreams::Clock::time_point since) {
  const MutexLock lock(&mutex_);
  if (stage_ == Stage::kEnding || end_) return false;
  if (stage_ == Stage::kMaking) return true;
  if (stage_ == Stage::kWriting && last_progress_ > since) return true;
  Stop(ShuttingDown());
  return false;
}

void ServedAnswers::OnDone() {
  if (Cancelled()) {
    const MutexLock lock(&mutex_);
    Stop(CallCancelled());
  }
  LetGo();
}

void ServedAnswers::OnSummons(Summons::Reasons reasons) {
  {
    const MutexLock lock(&mutex_);
    if ((reasons & Summons::kReserved) != 0 && stage_ == Stage::kWaiting) {
      if (end_) {
        Finish(*end_);
      } else {
        Read();
      }
    }
    if ((reasons & Summons::kTimeUp) != 0) EndWhatTakesTooLong();
    if ((reasons & Summons::kNeeded) != 0 && stage_ == Stage::kReading) {
      Finish(environment().budget.Overloaded());
    }
    if ((reasons & Summons::kExceeded) != 0 && stage_ == Stage::kReading) {
      absl::Status refused = environment().budget.ReserveMore(*charge_);
      if (!refused.ok()) Finish(std::move(refused));
    }
  }
  LetGo();
}

void ServedAnswers::EndWhatTakesTooLong() {
  if (!charge_->LimitPassed(CoarseNow())) return;  // It went on meanwhile.
  switch (stage_) {
    case Stage::kWaiting:
      if (environment().budget.StopWaiting(*charge_)) Finish(environment().budget.Overloaded());
      break;
    case Stage::kReading:
      Finish(TooSlow());
      break;
    case Stage::kMaking:
    case Stage::kPausing:
      break;
    case Stage::kWriting:
    case Stage::kEnding:
      Cancel();
  }
}

void ServedAnswers::Read() {
  stage_ = Stage::kReading;
  Hold();
  stream().Read(&request_, &request_tag_);
}

void ServedAnswers::OnRequest(bool ok) {
  {
    const MutexLock lock(&mutex_);
    if (stage_ != Stage::kReading) {  // It was given up.
      request_.Clear();
    } else if (!ok) {  // Cancelled, or a client that closed without a message.
      misses_request_ = true;
      Finish(MissingRequest());
    } else {
      TakeRequest();
    }
  }
  LetGo();
}

void ServedAnswers::TakeRequest() {
  request_bytes_ = static_cast<int64_t>(request_.Length());
  stage_ = Stage::kMaking;
  last_progress_ = CoarseNow();
  if (request_bytes_ > environment().limits.max_message_bytes) {
    environment().budget.ArrivedToStay(*charge_,
                                       request_bytes_);  // until the method has refused it
  } else {
    absl::Status refused = environment().budget.Arrived(*charge_, request_bytes_);
    if (!refused.ok()) {
      Finish(std::move(refused));
      return;
    }
  }
  reserved_ = true;
  Schedule();
}

void ServedAnswers::Schedule() {
  stage_ = Stage::kMaking;
  Enter(Drain::Stage::kComputing);
  scheduled_ = environment().filters.Now();
  Hold();
  environment().waiters.Schedule({owner(), "", [this] {
                                    Make();
                                    LetGo();
                                  }});
}

void ServedAnswers::Write(const grpc::ByteBuffer& answer) {
  const auto bytes = static_cast<int64_t>(answer.Length());
  stage_ = Stage::kWriting;
  last_progress_ = CoarseNow();
  Enter(Drain::Stage::kAnswering);
  environment().budget.Settle(*charge_, bytes);
  charge_->SetLimit(CoarseNow() + environment().budget.TimeFor(bytes));
  Hold();
  stream().Write(answer, grpc::WriteOptions(), &written_tag_);
}

void ServedAnswers::OnWritten(bool ok) {
  {
    const MutexLock lock(&mutex_);
    environment().budget.Return(*charge_);
    reserved_ = false;
    last_progress_ = CoarseNow();
    if (!ok && !end_) end_ = CallCancelled();
    if (end_) {
      Finish(*end_);
    } else {
      Schedule();
    }
  }
  LetGo();
}

void ServedAnswers::Pause(absl::Duration delay) {
  stage_ = Stage::kPausing;
  Enter(Drain::Stage::kArriving);
  environment().budget.Return(*charge_);
  reserved_ = false;
  Hold();
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(&queue().queue(),
              std::chrono::system_clock::now() + absl::ToChronoMilliseconds(delay), &paused_tag_);
}

void ServedAnswers::OnPaused(bool) {
  {
    const MutexLock lock(&mutex_);
    if (end_) {
      Finish(*end_);
    } else {
      Schedule();
    }
  }
  LetGo();
}

void ServedAnswers::Stop(absl::Status end) {
  if (stage_ == Stage::kEnding || end_) return;
  switch (stage_) {
    case Stage::kWaiting:
      if (charge_ && !environment().budget.StopWaiting(*charge_)) break;  // Its room is on its way.
      Finish(std::move(end));
      return;
    case Stage::kReading:
      Finish(std::move(end));
      return;
    case Stage::kPausing:
      alarm_->Cancel();
      break;
    case Stage::kMaking:
    case Stage::kWriting:
    case Stage::kEnding:
      break;
  }
  end_ = std::move(end);
}

void ServedAnswers::Finish(absl::Status end) {
  if (charge_) {
    // What has arrived of a request stays with gRPC until the call has ended.
    if (stage_ != Stage::kReading) environment().budget.Settle(*charge_, 0);
    charge_->SetLimit(CoarseNow() + environment().budget.TimeFor(0));
  }
  if (request_bytes_ > 0) {
    rpc::CallCosts costs;
    costs.request_bytes = std::exchange(request_bytes_, 0);
    AddCosts(costs);
  }
  stage_ = Stage::kEnding;
  Enter(Drain::Stage::kAnswering);
  Hold();
  stream().Finish(ToGrpcStatus(EndWith(std::move(end))), &finished_tag_);
}

void ServedAnswers::OnFinished(bool ok) {
  {
    const MutexLock lock(&mutex_);
    if (!ok && misses_request_) {  // It did not come because the call was cancelled.
      NoteEnd(CallCancelled());
    } else if (!ok) {
      NoteUndelivered();
    }
    if (charge_) environment().budget.Return(*charge_);
  }
  LetGo();
}

void ServedAnswers::LetGo() {
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) DeleteThis();
}

}  // namespace lossd::transport
