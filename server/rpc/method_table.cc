#include "server/rpc/method_table.h"

#include "server/rpc/stream_method.h"

namespace lossd::rpc {
namespace {

absl::StatusOr<SentBytes> Serialize(ComputeAnswer&& answer, const CallContext& context,
                                    int64_t max_message_bytes) {
  if (answer.before_sending == nullptr) {
    return SerializeAnswer(std::move(answer), max_message_bytes);
  }
  const auto left = std::make_shared<ComputeAnswer>(std::move(answer));
  const auto make = [left, max_message_bytes]() -> absl::StatusOr<SentBytes> {
    absl::Status done = left->before_sending();
    if (!done.ok()) return done;
    return SerializeAnswer(std::move(*left), max_message_bytes);
  };
  return AnswerLater(context.rest, left->line, make);
}

absl::StatusOr<SentBytes> Serialize(const google::protobuf::MessageLite& response,
                                    const CallContext&, int64_t max_message_bytes) {
  return SerializeMessage(response, max_message_bytes);
}

// Wraps `answer` as MakeMethod does, but leaves the bytes of tensors where they were received and
// passes them as TensorPayloads beside the message.
template <typename Request, typename Answer>
UnaryMethod MakeMethodAroundTensors(const Limits& limits, Answer answer) {
  return [limits, answer = std::move(answer)](ReceivedBytes bytes, const CallContext& context) {
    return CatchExceptions([&]() -> absl::StatusOr<SentBytes> {
      Request request;
      const auto payloads = ParseAroundTensors(bytes.pieces(), limits.max_message_bytes,
                                               wire::TensorFieldsOf<Request>(), request,
                                               ParsingAdmission(limits, context));
      if (!payloads.ok()) return payloads.status();
      if (payloads->empty()) bytes = ReceivedBytes();
      auto response = answer(std::as_const(request), context, *payloads);
      if (!response.ok()) return response.status();
      return Serialize(*std::move(response), context, limits.max_message_bytes);
    });
  };
}

// Returns the call of a handler, which has to outlive it.
template <typename Request, typename Member>
auto CallOf(const Handlers& handlers, Member member) {
  return [&handlers, member](const Request& message, const CallContext& context) {
    return (handlers.*member)(message, context);
  };
}

}  // namespace

absl::StatusOr<SentBytes> AnswerLater(Rest* rest, std::string line,
                                      std::function<absl::StatusOr<SentBytes>()> make) {
  if (rest == nullptr) return make();
  rest->line = std::move(line);
  rest->run = [make = std::move(make)]() -> StreamAnswer {
    auto made = CatchExceptions(make);
    if (!made.ok()) return {SentBytes(), made.status()};
    return {*std::move(made), absl::OkStatus()};
  };
  return SentBytes();
}

std::vector<MethodRow> MakeMethods(const Handlers& handlers, const Limits& limits) {
  const auto method = [&](auto request, auto member) {
    using Request = decltype(request);
    return MakeMethod<Request>(limits, CallOf<Request>(handlers, member));
  };
  const auto waiting = [&](auto request, auto member) {
    using Request = decltype(request);
    return MakeWaitingMethod<Request>(limits, CallOf<Request>(handlers, member));
  };
  const auto answers = [&](auto request, auto member) {
    using Request = decltype(request);
    return MakeAnswersMethod<Request>(limits, CallOf<Request>(handlers, member));
  };
  const ComputeFunction compute = [&handlers](const v1::ComputeRequest& request,
                                              const CallContext& context,
                                              const wire::TensorPayloads& payloads) {
    return handlers.Compute(request, context, payloads);
  };
  const auto compare = [&handlers](const v1::CompareRequest& request, const CallContext& context,
                                   const wire::TensorPayloads& payloads) {
    return handlers.Compare(request, context, payloads);
  };
  return {
      {"lossd.v1.LossService/Compute",
       MakeMethodAroundTensors<v1::ComputeRequest>(limits, compute)},
      {"lossd.v1.LossService/ComputeStream", MakeStreamMethod(limits, compute)},
      {"lossd.v1.LossService/Compare",
       MakeMethodAroundTensors<v1::CompareRequest>(limits, compare)},
      {"lossd.v1.LossService/ComputeClassWeights",
       method(v1::ComputeClassWeightsRequest(), &Handlers::ComputeClassWeights)},
      {"lossd.v1.LossService/MeasureInformation",
       method(v1::MeasureInformationRequest(), &Handlers::MeasureInformation)},
      {"lossd.v1.LossService/ListLosses", method(v1::ListLossesRequest(), &Handlers::ListLosses)},
      {"lossd.v1.LossService/GetServerInfo",
       method(v1::GetServerInfoRequest(), &Handlers::GetServerInfo)},
      {"lossd.v1.RunService/GetRun", waiting(v1::GetRunRequest(), &Handlers::GetRun)},
      {"lossd.v1.RunService/WatchRun", answers(v1::WatchRunRequest(), &Handlers::WatchRun)},
      {"lossd.v1.RunService/ListRuns", waiting(v1::ListRunsRequest(), &Handlers::ListRuns)},
      {"lossd.v1.RunService/DeleteRun", waiting(v1::DeleteRunRequest(), &Handlers::DeleteRun)},
      {"lossd.v1.RunService/ListRunSamples",
       waiting(v1::ListRunSamplesRequest(), &Handlers::ListRunSamples)},
      {"lossd.v1.RunService/ExportRunSamples",
       answers(v1::ExportRunSamplesRequest(), &Handlers::ExportRunSamples)},
  };
}

}  // namespace lossd::rpc
