#include "server/transport/grpc/served_call.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "server/rpc/catch_exceptions.h"
#include "server/threads/coarse_clock.h"
#include "server/transport/byte_budget.h"
#include "server/transport/grpc/byte_buffer.h"
#include "server/transport/grpc/grpc_status.h"

namespace lossd::transport {
namespace {

// More is not told apart.
constexpr int64_t kMostOperations = int64_t{1} << 50;

}  // namespace

void ServedCall::Await(const ServedMethod& method, EventQueue& queue, GrpcCalls& calls) {
  (new ServedCall(method, queue, calls))->AwaitArrival();
}

void ServedCall::AwaitNext() { Await(served_method(), queue(), calls()); }

void ServedCall::OnAdmitted() {
  charge_.emplace(source(), Reader::kCall, charge_owner());
  switch (environment().budget.Reserve(*charge_, CoarseNow())) {
    case ByteBudget::Reservation::kReserved:
      Read();
      break;
    case ByteBudget::Reservation::kWaits:
      break;
    case ByteBudget::Reservation::kRefused:
      Refuse(environment().budget.Overloaded());
  }
}

void ServedCall::OnRefused(absl::Status refused) { Refuse(std::move(refused)); }

void ServedCall::Read() {
  stage_ = Stage::kReading;
  stream().Read(&request_, &request_tag_);
}

void ServedCall::OnRequest(bool ok) {
  if (stage_ != Stage::kReading) {  // It was given up.
    request_.Clear();
    LetGo();
    return;
  }
  if (!ok) {  // Cancelled, or a client that closed without a message.
    misses_request_ = true;
    Refuse(MissingRequest());
    return;
  }
  stage_ = Stage::kComputing;
  Enter(Drain::Stage::kComputing);
  request_arrival_ = environment().filters.Now();
  const auto bytes = static_cast<int64_t>(request_.Length());
  AddRequestBytes(bytes);
  const bool too_large = bytes > environment().limits.max_message_bytes;
  if (too_large) {
    environment().budget.ArrivedToStay(*charge_, bytes);  // until the method has refused it
  } else if (absl::Status refused = environment().budget.Arrived(*charge_, bytes); !refused.ok()) {
    Refuse(std::move(refused));
    return;
  }
  if (too_large || request_.Length() <= kSmallRequestBytes) {
    RespondOnQueue();
  } else {
    RespondOnWorker(bytes);
  }
}

void ServedCall::RespondOnWorker(int64_t work) {
  ticket_ = environment().workers.Schedule({owner(), work, [this] { Respond(); }});
}

void ServedCall::RespondOnQueue() {
  on_queue_ = true;
  Respond();
}

void ServedCall::Respond() {
  begin_ = environment().filters.Now();
  grpc::ByteBuffer response;
  absl::Status status = Answer(response);
  if (std::exchange(is_much_, false)) {
    on_queue_ = false;
    RespondOnWorker(operations_);
    return;
  }
  if (status.ok() && rest_.run != nullptr) {
    on_queue_ = false;
    request_.Clear();
    environment().waiters.Schedule({owner(), std::move(rest_.line), [this] { RespondWithRest(); }});
    return;
  }
  Send(std::move(status), response);
}

void ServedCall::RespondWithRest() {
  rpc::StreamAnswer answer;
  // It may have waited for its turn.
  answer.status = Cancelled() ? CallCancelled() : absl::OkStatus();
  if (answer.status.ok()) answer = rest_.run();
  rest_.run = nullptr;
  grpc::ByteBuffer response;
  if (answer.status.ok()) ToByteBuffer(std::move(answer.message)).Swap(&response);
  Send(std::move(answer.status), response);
}

void ServedCall::Send(absl::Status status, const grpc::ByteBuffer& response) {
  rpc::CallCosts costs;
  costs.queued = begin_ - request_arrival_;
  costs.computing = environment().filters.Now() - begin_;
  costs.messages = 1;
  costs.failed_messages = status.ok() ? 0 : 1;
  if (status.ok()) costs.response_bytes = static_cast<int64_t>(response.Length());
  AddCosts(costs);
  if (!status.ok()) {
    Refuse(std::move(status));
    return;
  }
  request_.Clear();
  const auto bytes = static_cast<int64_t>(response.Length());
  environment().budget.Settle(*charge_, bytes);
  charge_->SetLimit(CoarseNow() + environment().budget.TimeFor(bytes));
  Enter(Drain::Stage::kAnswering);
  stage_ = Stage::kEnding;
  stream().WriteAndFinish(response, grpc::WriteOptions(), grpc::Status::OK, &finished_tag_);
}

absl::Status ServedCall::Answer(grpc::ByteBuffer& response) {
  // It may have waited for a worker.
  if (Cancelled()) return CallCancelled();
  const auto& method = std::get<rpc::UnaryMethod>(served_method().method);
  return rpc::CatchExceptions([&]() -> absl::Status {
    // On the queue the request is kept, for a worker to answer.
    auto request = on_queue_ ? ViewReceivedBytes(request_) : TakeReceivedBytes(request_);
    if (!request.ok()) return request.status();
    rpc::CallNotes notes;
    rpc::CallContext context =
        Context(notes, [this](const rpc::CallWork& work) { return Admit(work); });
    context.rest = &rest_;
    auto answer = method(*std::move(request), context);
    AddNotes(std::move(notes));
    if (!answer.ok()) return answer.status();
    ToByteBuffer(*std::move(answer)).Swap(&response);  // An assignment would copy it.
    return absl::OkStatus();
  });
}

absl::Status ServedCall::Admit(const rpc::CallWork& work) {
  if (on_queue_) {
    operations_ += std::min(work.operations, kMostOperations);
    is_much_ = operations_ > kMostOperationsOnQueue;
    if (is_much_) return absl::AbortedError("the call is answered on a worker");
  }
  return environment().budget.Grow(*charge_, work.bytes);
}

void ServedCall::Refuse(absl::Status error) {
  request_.Clear();
  if (charge_) {
    // What has arrived of a request stays with gRPC until the call has ended.
    if (stage_ != Stage::kReading) environment().budget.Settle(*charge_, 0);
    charge_->SetLimit(CoarseNow() + environment().budget.TimeFor(0));
  }
  Enter(Drain::Stage::kAnswering);
  stage_ = Stage::kEnding;
  stream().Finish(ToGrpcStatus(EndWith(std::move(error))), &finished_tag_);
}

void ServedCall::OnFinished(bool ok) {
  if (!ok && misses_request_) {  // It did not come because the call was cancelled.
    NoteEnd(CallCancelled());
  } else if (!ok) {
    NoteUndelivered();
  }
  if (charge_) environment().budget.Return(*charge_);
  LetGo();
}

void ServedCall::OnDone() {
  const bool waited =
      charge_ && stage_ == Stage::kWaiting && environment().budget.StopWaiting(*charge_);
  if (waited || (ticket_ != 0 && Cancelled() && environment().workers.Remove(ticket_))) {
    Refuse(CallCancelled());
  }
  LetGo();
}

void ServedCall::OnSummons(Summons::Reasons reasons) {
  if ((reasons & Summons::kReserved) != 0 && stage_ == Stage::kWaiting) Read();
  if ((reasons & Summons::kTimeUp) != 0) EndWhatTakesTooLong();
  if ((reasons & Summons::kNeeded) != 0 && stage_ == Stage::kReading) {
    GiveUp(environment().budget.Overloaded());
  }
  if ((reasons & Summons::kExceeded) != 0 && stage_ == Stage::kReading) {
    absl::Status refused = environment().budget.ReserveMore(*charge_);
    if (!refused.ok()) GiveUp(std::move(refused));
  }
  LetGo();
}

void ServedCall::EndWhatTakesTooLong() {
  if (!charge_->LimitPassed(CoarseNow())) return;  // It went on meanwhile.
  switch (stage_.load()) {
    case Stage::kWaiting:
      if (environment().budget.StopWaiting(*charge_)) Refuse(environment().budget.Overloaded());
      break;
    case Stage::kReading:
      GiveUp(TooSlow());
      break;
    case Stage::kComputing:
      break;
    case Stage::kEnding:
      Cancel();
  }
}

void ServedCall::GiveUp(absl::Status error) {
  Hold();  // for the event of the read, which ends with the call
  Refuse(std::move(error));
}

void ServedCall::LetGo() {
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) DeleteThis();
}

}  // namespace lossd::transport
