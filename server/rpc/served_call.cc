#include "server/rpc/served_call.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/status.h"

namespace lossd::rpc {
namespace {

// Up to here a request takes less time to answer than a switch to another thread and back.
constexpr size_t kSmallRequestBytes = 16 << 10;

}  // namespace

void ServedCall::Await(const ServedMethod& method, grpc::ServerCompletionQueue& queue,
                       const CallEnvironment& environment) {
  auto* call = new ServedCall(method, queue, environment);
  environment.service->RequestCall(method.index, call->context_, call->stream_, queue,
                                   &call->arrival_tag_);
}

ServedCall::ServedCall(const ServedMethod& method, grpc::ServerCompletionQueue& queue,
                       const CallEnvironment& environment)
    : method_(method), queue_(queue), environment_(environment), stream_(&context_) {
  environment_.calls->Add();
  context_.AsyncNotifyWhenDone(&done_tag_);
}

void ServedCall::OnArrival(bool ok) {
  if (!ok) {  // The server shuts down; no other event will come.
    Delete();
    return;
  }
  Await(method_, queue_, environment_);
  deadline_ = context_.deadline();
  if (absl::Status refused = environment_.admission->AdmitCall(); !refused.ok()) {
    Finish(std::move(refused));
    return;
  }
  admitted_ = true;
  if (!method_.answer) {
    Finish(UnimplementedOption(absl::StrCat(method_.name, " is not implemented")));
    return;
  }
  stream_.Read(&request_, &request_tag_);
}

void ServedCall::OnRequest(bool ok) {
  if (!ok) {  // Cancelled, over gRPC's own limit, or a client that closed without a message.
    Finish(WithErrorInfo(absl::InvalidArgumentError("the call brought no whole request message"),
                         "MALFORMED_REQUEST"));
    return;
  }
  const auto bytes = static_cast<int64_t>(request_.Length());
  if (absl::Status refused = environment_.admission->AdmitBytes(bytes); !refused.ok()) {
    Finish(std::move(refused));
    return;
  }
  admitted_bytes_ = bytes;
  if (request_.Length() <= kSmallRequestBytes) {
    Answer();
  } else {
    environment_.workers->Schedule([this] { Answer(); });
  }
}

void ServedCall::Answer() { Finish(ComputeAnswer()); }

absl::StatusOr<grpc::ByteBuffer> ServedCall::ComputeAnswer() {
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

void ServedCall::Finish(absl::StatusOr<grpc::ByteBuffer> answer) {
  request_.Clear();
  if (answer.ok()) {
    stream_.WriteAndFinish(*answer, grpc::WriteOptions(), grpc::Status::OK, &finished_tag_);
    return;
  }
  absl::Status error = answer.status();
  if (absl::IsCancelled(error) && DeadlinePassed()) {
    error = absl::DeadlineExceededError("the call's deadline passed");
  }
  if (*environment_.on_error) (*environment_.on_error)(method_.name, error);
  stream_.Finish(ToGrpcStatus(error), &finished_tag_);
}

void ServedCall::OnFinished(bool) { DeleteAfterLastEvent(); }

void ServedCall::OnDone(bool) {
  if (context_.IsCancelled()) cancelled_.store(true, std::memory_order_relaxed);
  DeleteAfterLastEvent();
}

void ServedCall::DeleteAfterLastEvent() {
  if (--last_events_ == 0) Delete();
}

void ServedCall::Delete() {
  environment_.admission->ReturnBytes(admitted_bytes_);
  if (admitted_) environment_.admission->EndCall();
  CallCount& calls = *environment_.calls;
  delete this;
  calls.Remove();
}

bool ServedCall::Cancelled() const {
  return cancelled_.load(std::memory_order_relaxed) || DeadlinePassed();
}

bool ServedCall::DeadlinePassed() const { return std::chrono::system_clock::now() >= deadline_; }

}  // namespace lossd::rpc
