#include "server/transport/grpc/served_call.h"

#include <utility>

#include "server/rpc/errors/status.h"

namespace lossd::rpc {

void ServedCall::Await(const ServedMethod& method, EventQueue& queue,
                       const CallEnvironment& environment) {
  (new ServedCall(method, queue, environment))->AwaitArrival();
}

ServedCall::~ServedCall() { environment().admission->ReturnBytes(admitted_bytes_); }

void ServedCall::OnAdmitted() { stream().Read(&request_, &request_tag_); }

void ServedCall::OnRefused(absl::Status refused) { Finish(std::move(refused)); }

void ServedCall::OnRequest(bool ok) {
  if (!ok) {  // Cancelled, over gRPC's own limit, or a client that closed without a message.
    Finish(WithErrorInfo(absl::InvalidArgumentError("the call brought no whole request message"),
                         "MALFORMED_REQUEST"));
    return;
  }
  const auto bytes = static_cast<int64_t>(request_.Length());
  if (absl::Status refused = environment().admission->AdmitBytes(bytes); !refused.ok()) {
    Finish(std::move(refused));
    return;
  }
  admitted_bytes_ = bytes;
  if (request_.Length() <= kSmallRequestBytes) {
    Respond();
  } else {
    environment().workers->Schedule([this] { Respond(); });
  }
}

void ServedCall::Respond() { Finish(Answer(request_)); }

void ServedCall::Finish(absl::StatusOr<grpc::ByteBuffer> answer) {
  request_.Clear();
  if (answer.ok()) {
    stream().WriteAndFinish(*answer, grpc::WriteOptions(), grpc::Status::OK, &finished_tag_);
  } else {
    stream().Finish(ToGrpcStatus(Report(answer.status())), &finished_tag_);
  }
}

void ServedCall::OnFinished(bool) { DeleteAfterLastEvent(); }

void ServedCall::OnDone() { DeleteAfterLastEvent(); }

void ServedCall::DeleteAfterLastEvent() {
  if (--last_events_ == 0) DeleteThis();
}

}  // namespace lossd::rpc
