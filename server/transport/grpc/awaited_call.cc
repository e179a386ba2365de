#include "server/transport/grpc/awaited_call.h"

#include <exception>
#include <utility>

namespace lossd::rpc {

AwaitedCall::AwaitedCall(const ServedMethod& method, EventQueue& queue,
                         const CallEnvironment& environment)
    : method_(method), queue_(queue), environment_(environment), stream_(&context_) {
  environment_.calls->Add();
  context_.AsyncNotifyWhenDone(&done_tag_);
}

void AwaitedCall::AwaitArrival() {
  environment_.service->RequestCall(method_.index, context_, stream_, queue_.queue(),
                                    &arrival_tag_);
}

void AwaitedCall::OnArrival(bool ok) {
  if (!ok) {  // The server shuts down; no other event will come.
    DeleteThis();
    return;
  }
  method_.await(method_, queue_, environment_);
  deadline_ = context_.deadline();
  if (absl::Status refused = environment_.admission->AdmitCall(); !refused.ok()) {
    OnRefused(std::move(refused));
    return;
  }
  admitted_ = true;
  OnAdmitted();
}

void AwaitedCall::OnDoneEvent(bool) {
  if (context_.IsCancelled()) cancelled_.store(true, std::memory_order_relaxed);
  OnDone();
}

absl::StatusOr<grpc::ByteBuffer> AwaitedCall::Answer(grpc::ByteBuffer& request) {
  const CallContext context{[this] { return Cancelled(); }};
  // It may have waited for a worker.
  if (Cancelled()) return absl::CancelledError("the call was cancelled");
  try {
    return method_.answer(request, context);
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  } catch (...) {
    return absl::InternalError("an exception of unknown type");
  }
}

absl::Status AwaitedCall::Report(absl::Status error) const {
  if (absl::IsCancelled(error) && DeadlinePassed()) {
    error = absl::DeadlineExceededError("the call's deadline passed");
  }
  if (*environment_.on_error) (*environment_.on_error)(method_.name, error);
  return error;
}

bool AwaitedCall::Cancelled() const {
  return cancelled_.load(std::memory_order_relaxed) || DeadlinePassed();
}

bool AwaitedCall::DeadlinePassed() const { return std::chrono::system_clock::now() >= deadline_; }

void AwaitedCall::DeleteThis() {
  if (admitted_) environment_.admission->EndCall();
  CallCount& calls = *environment_.calls;
  delete this;
  calls.Remove();
}

}  // namespace lossd::rpc
