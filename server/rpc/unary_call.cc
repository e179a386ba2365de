#include "server/rpc/unary_call.h"

#include <chrono>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/status.h"

namespace lossd::rpc {
namespace {

// Up to here a request takes less time to answer than a switch to another thread and back.
constexpr size_t kSmallRequestBytes = 16 << 10;

}  // namespace

void UnaryCall::Await(const ServedMethod& method, grpc::ServerCompletionQueue& queue,
                      const CallEnvironment& environment) {
  auto* call = new UnaryCall(method, queue, environment);
  method.request_call(&call->context_, &call->request_, &call->responder_, &queue,
                      &call->arrival_tag_);
}

UnaryCall::UnaryCall(const ServedMethod& method, grpc::ServerCompletionQueue& queue,
                     const CallEnvironment& environment)
    : method_(method), queue_(queue), environment_(environment), responder_(&context_) {
  context_.AsyncNotifyWhenDone(&done_tag_);
}

void UnaryCall::OnArrival(bool ok) {
  if (!ok) {  // The server shuts down; no other event will come.
    delete this;
    return;
  }
  environment_.in_flight->AddCall();
  Await(method_, queue_, environment_);
  deadline_ = context_.deadline();

  const auto bytes = static_cast<int64_t>(request_.Length());
  if (absl::Status admitted = environment_.in_flight->AddBytes(bytes); !admitted.ok()) {
    Finish(std::move(admitted));
    return;
  }
  admitted_bytes_ = bytes;
  if (request_.Length() <= kSmallRequestBytes) {
    Answer();
  } else {
    environment_.workers->Schedule([this] { Answer(); });
  }
}

void UnaryCall::Answer() { Finish(ComputeAnswer()); }

absl::StatusOr<grpc::ByteBuffer> UnaryCall::ComputeAnswer() {
  const CallContext context{[this] { return Cancelled(); }};
  // It may have waited for a worker.
  if (Cancelled()) return absl::CancelledError("the call was cancelled");
  try {
    return method_.answer(request_, context);
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  } catch (...) {
    return absl::InternalError("an exception of unknown type");
  }
}

void UnaryCall::Finish(absl::StatusOr<grpc::ByteBuffer> answer) {
  request_.Clear();
  if (answer.ok()) {
    responder_.Finish(*answer, grpc::Status::OK, &finished_tag_);
    return;
  }
  absl::Status error = answer.status();
  if (absl::IsCancelled(error) && DeadlinePassed()) {
    error = absl::DeadlineExceededError("the call's deadline passed");
  }
  if (*environment_.on_error) (*environment_.on_error)(method_.name, error);
  responder_.FinishWithError(ToGrpcStatus(error), &finished_tag_);
}

void UnaryCall::OnDone(bool) {
  if (context_.IsCancelled()) cancelled_.store(true, std::memory_order_relaxed);
  DeleteAfterLastEvent();
}

void UnaryCall::OnFinished(bool) { DeleteAfterLastEvent(); }

void UnaryCall::DeleteAfterLastEvent() {
  if (--events_to_come_ > 0) return;
  InFlight& in_flight = *environment_.in_flight;
  in_flight.RemoveBytes(admitted_bytes_);
  delete this;
  in_flight.RemoveCall();
}

bool UnaryCall::Cancelled() const {
  return cancelled_.load(std::memory_order_relaxed) || DeadlinePassed();
}

bool UnaryCall::DeadlinePassed() const { return std::chrono::system_clock::now() >= deadline_; }

}  // namespace lossd::rpc
