// How a ServedAnswers makes its answers.
#include <utility>
#include <variant>

#include "absl/time/time.h"
#include "server/rpc/catch_exceptions.h"
#include "server/transport/byte_budget.h"
#include "server/transport/grpc/byte_buffer.h"
#include "server/transport/grpc/served_answers.h"

namespace lossd::transport {
namespace {

// Where there is no room for an answer, there may be some after this time.
constexpr absl::Duration kWaitForRoom = absl::Milliseconds(200);

}  // namespace

void ServedAnswers::Make() {
  const CallFilters::Moment begin = environment().filters.Now();
  if (!reserved_ && !ReserveNext()) {
    GoOn(Next(rpc::AskLater{kWaitForRoom}), begin);
    return;
  }
  GoOn(MakeNext(), begin);
}

bool ServedAnswers::ReserveNext() {
  // It asks for more before it takes it.
  charge_->Expect({1, 1});
  if (!environment().budget.ReserveAhead(*charge_)) return false;
  environment().budget.ArrivedToStay(*charge_, 0);
  reserved_ = true;
  return true;
}

absl::StatusOr<ServedAnswers::Next> ServedAnswers::MakeNext() {
  rpc::CallNotes notes;
  no_room_ = false;
  const rpc::CallContext context = Context(notes, [this](const rpc::CallWork& work) {
    absl::Status admitted = environment().budget.Grow(*charge_, work.bytes);
    no_room_ = no_room_ || !admitted.ok();
    return admitted;
  });
  auto next = rpc::CatchExceptions([&]() -> absl::StatusOr<Next> {
    // It may have waited for a thread.
    if (Cancelled()) return CallCancelled();
    absl::Status may = CheckMessage();
    if (!may.ok()) return may;
    if (source_ == nullptr) {
      absl::Status opened = Open(context);
      if (!opened.ok()) return opened;
    }
    auto made = source_->Make(context);
    if (made.ok() || !no_room_) return made;
    return Next(rpc::AskLater{kWaitForRoom});
  });
  return next;
}

absl::Status ServedAnswers::Open(const rpc::CallContext& context) {
  auto request = TakeReceivedBytes(request_);
  if (!request.ok()) return request.status();
  const auto& method = std::get<rpc::AnswersMethod>(served_method().method);
  auto source = method.open(*std::move(request), context);
  if (!source.ok()) return source.status();
  source_ = *std::move(source);
  environment().budget.Settle(*charge_, 0);
  return absl::OkStatus();
}

void ServedAnswers::TellAnswer(int64_t bytes, CallFilters::Moment begin) {
  const CallFilters& filters = environment().filters;
  rpc::CallCosts costs;
  costs.messages = 1;
  costs.request_bytes = std::exchange(request_bytes_, 0);
  costs.response_bytes = bytes;
  costs.queued = begin - scheduled_;
  costs.computing = filters.Now() - begin;
  if (!Cancelled()) filters.MessageAnswered(info(), absl::OkStatus(), costs, {});
  const MutexLock lock(&mutex_);
  AddCosts(costs);
}

void ServedAnswers::GoOn(absl::StatusOr<Next> next, CallFilters::Moment begin) {
  grpc::ByteBuffer answer;
  auto* const message = next.ok() ? std::get_if<rpc::SentBytes>(&*next) : nullptr;
  if (message != nullptr) {
    answer = ToByteBuffer(std::move(*message));
    TellAnswer(static_cast<int64_t>(answer.Length()), begin);
  }
  const MutexLock lock(&mutex_);
  if (end_) {
    Finish(*end_);
  } else if (!next.ok()) {
    Finish(next.status());
  } else if (message != nullptr) {
    Write(answer);
  } else if (const auto* later = std::get_if<rpc::AskLater>(&*next)) {
    Pause(later->delay);
  } else {
    Finish(absl::OkStatus());
  }
}

}  // namespace lossd::transport
