#include "server/transport/grpc/served_call.h"

#include <utility>
#include <variant>

#include "absl/time/time.h"
#include "server/rpc/errors/status.h"
#include "server/transport/grpc/byte_buffer.h"
#include "server/transport/grpc/grpc_status.h"

namespace lossd::transport {

void ServedCall::Await(const ServedMethod& method, EventQueue& queue,
                       CallEnvironment& environment) {
  (new ServedCall(method, queue, environment))->AwaitArrival();
}

ServedCall::~ServedCall() { environment().admission.ReturnBytes(admitted_bytes_); }

void ServedCall::AwaitNext() { Await(served_method(), queue(), environment()); }

void ServedCall::OnAdmitted() { stream().Read(&request_, &request_tag_); }

void ServedCall::OnRefused(absl::Status refused) { Finish(std::move(refused)); }

void ServedCall::OnRequest(bool ok) {
  if (!ok) {  // Cancelled, over gRPC's own limit, or a client that closed without a message.
    Finish(rpc::WithErrorInfo(
        absl::InvalidArgumentError("the request message is missing or incomplete"),
        "MALFORMED_REQUEST"));
    return;
  }
  request_arrival_ = environment().filters.Now();
  const auto bytes = static_cast<int64_t>(request_.Length());
  rpc::CallCosts costs;
  costs.request_bytes = bytes;
  AddCosts(costs);
  if (absl::Status refused = environment().admission.AdmitBytes(bytes); !refused.ok()) {
    Finish(std::move(refused));
    return;
  }
  admitted_bytes_ = bytes;
  if (request_.Length() <= kSmallRequestBytes) {
    Respond();
  } else {
    environment().workers.Schedule([this] { Respond(); });
  }
}

void ServedCall::Respond() {
  const CallFilters& filters = environment().filters;
  const CallFilters::Moment begin = filters.Now();
  auto answer = Answer();
  rpc::CallCosts costs;
  costs.queued = absl::FromChrono(begin - request_arrival_);
  costs.computing = absl::FromChrono(filters.Now() - begin);
  if (answer.ok()) costs.response_bytes = static_cast<int64_t>(answer->size());
  AddCosts(costs);
  Finish(std::move(answer));
}

absl::StatusOr<rpc::SentBytes> ServedCall::Answer() {
  // It may have waited for a worker.
  if (Cancelled()) return absl::CancelledError("the call was cancelled");
  auto request = TakeReceivedBytes(request_);
  if (!request.ok()) return request.status();
  return std::get<rpc::UnaryMethod>(served_method().method)(*std::move(request), Context());
}

void ServedCall::Finish(absl::StatusOr<rpc::SentBytes> answer) {
  request_.Clear();
  if (answer.ok()) {
    stream().WriteAndFinish(ToByteBuffer(*std::move(answer)), grpc::WriteOptions(),
                            grpc::Status::OK, &finished_tag_);
  } else {
    stream().Finish(ToGrpcStatus(EndWith(answer.status())), &finished_tag_);
  }
}

void ServedCall::OnFinished(bool) { DeleteAfterLastEvent(); }

void ServedCall::OnDone() { DeleteAfterLastEvent(); }

void ServedCall::DeleteAfterLastEvent() {
  if (--last_events_ == 0) DeleteThis();
}

}  // namespace lossd::transport
