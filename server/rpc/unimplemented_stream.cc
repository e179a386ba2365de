#include "server/rpc/unimplemented_stream.h"

#include "absl/strings/str_cat.h"
#include "server/rpc/status.h"

namespace lossd::rpc {

void UnimplementedStream::Await(const UnimplementedMethod& method,
                                grpc::ServerCompletionQueue& queue,
                                const CallEnvironment& environment) {
  auto* call = new UnimplementedStream(method, queue, environment);
  method.request_call(&call->context_, &call->stream_, &queue, &call->arrival_tag_);
}

UnimplementedStream::UnimplementedStream(const UnimplementedMethod& method,
                                         grpc::ServerCompletionQueue& queue,
                                         const CallEnvironment& environment)
    : method_(method), queue_(queue), environment_(environment), stream_(&context_) {}

void UnimplementedStream::OnArrival(bool ok) {
  if (!ok) {  // The server shuts down; no other event will come.
    delete this;
    return;
  }
  environment_.in_flight->AddCall();
  Await(method_, queue_, environment_);
  const absl::Status error = UnimplementedOption(absl::StrCat(method_.name, " is not implemented"));
  if (*environment_.on_error) (*environment_.on_error)(method_.name, error);
  stream_.Finish(ToGrpcStatus(error), &finished_tag_);
}

void UnimplementedStream::OnFinished(bool) {
  InFlight& in_flight = *environment_.in_flight;
  delete this;
  in_flight.RemoveCall();
}

}  // namespace lossd::rpc
