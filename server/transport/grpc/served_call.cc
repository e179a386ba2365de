#include "server/transport/grpc/served_call.h"

#include <utility>
#include <variant>

#include "absl/time/time.h"
#include "server/rpc/catch_exceptions.h"
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

void ServedCall::OnRefused(absl::Status refused) { Refuse(std::move(refused)); }

void ServedCall::OnRequest(bool ok) {
  if (!ok) {  // Cancelled, over gRPC's own limit, or a client that closed without a message.
    misses_request_ = true;
    Refuse(rpc::WithErrorInfo(
        absl::InvalidArgumentError("the request message is missing or incomplete"),
        "MALFORMED_REQUEST"));
    return;
  }
  Enter(Drain::Stage::kComputing);
  request_arrival_ = environment().filters.Now();
  const auto bytes = static_cast<int64_t>(request_.Length());
  rpc::CallCosts costs;
  costs.request_bytes = bytes;
  AddCosts(costs);
  if (absl::Status refused = environment().admission.AdmitBytes(bytes); !refused.ok()) {
    Refuse(std::move(refused));
    return;
  }
  admitted_bytes_ = bytes;
  if (request_.Length() <= kSmallRequestBytes) {
    Respond();
  } else {
    environment().workers.Schedule({0, bytes, [this] { Respond(); }});
  }
}

void ServedCall::Respond() {
  const CallFilters& filters = environment().filters;
  const CallFilters::Moment begin = filters.Now();
  grpc::ByteBuffer response;
  absl::Status status = Answer(response);
  rpc::CallCosts costs;
  costs.queued = absl::FromChrono(begin - request_arrival_);
  costs.computing = absl::FromChrono(filters.Now() - begin);
  costs.messages = 1;
  costs.failed_messages = status.ok() ? 0 : 1;
  if (status.ok()) costs.response_bytes = static_cast<int64_t>(response.Length());
  AddCosts(costs);
  if (!status.ok()) {
    Refuse(std::move(status));
    return;
  }
  request_.Clear();
  Enter(Drain::Stage::kAnswering);
  stream().WriteAndFinish(response, grpc::WriteOptions(), grpc::Status::OK, &finished_tag_);
}

absl::Status ServedCall::Answer(grpc::ByteBuffer& response) {
  // It may have waited for a worker.
  if (Cancelled()) return absl::CancelledError("the call was cancelled");
  const auto& method = std::get<rpc::UnaryMethod>(served_method().method);
  return rpc::CatchExceptions([&]() -> absl::Status {
    auto request = TakeReceivedBytes(request_);
    if (!request.ok()) return request.status();
    rpc::CallNotes notes;
    auto answer = method(*std::move(request), Context(notes));
    AddNotes(std::move(notes));
    if (!answer.ok()) return answer.status();
    response = ToByteBuffer(*std::move(answer));
    return absl::OkStatus();
  });
}

void ServedCall::Refuse(absl::Status error) {
  request_.Clear();
  Enter(Drain::Stage::kAnswering);
  stream().Finish(ToGrpcStatus(EndWith(std::move(error))), &finished_tag_);
}

void ServedCall::OnFinished(bool ok) {
  if (!ok && misses_request_) {  // It did not come because the call was cancelled.
    NoteEnd(absl::CancelledError("the call was cancelled"));
  } else if (!ok) {
    NoteUndelivered();
  }
  DeleteAfterLastEvent();
}

void ServedCall::OnDone() { DeleteAfterLastEvent(); }

void ServedCall::DeleteAfterLastEvent() {
  if (--last_events_ == 0) DeleteThis();
}

}  // namespace lossd::transport
