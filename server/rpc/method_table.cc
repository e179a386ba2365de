#include "server/rpc/method_table.h"

#include "server/rpc/stream_method.h"

namespace lossd::rpc {
namespace {

absl::StatusOr<SentBytes> Serialize(ComputeAnswer answer, int64_t max_message_bytes) {
  return SerializeAnswer(std::move(answer), max_message_bytes);
}

absl::StatusOr<SentBytes> Serialize(const google::protobuf::MessageLite& response,
                                    int64_t max_message_bytes) {
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
      return Serialize(*std::move(response), limits.max_message_bytes);
    });
  };
}

}  // namespace

std::vector<MethodRow> MakeMethods(const Handlers& handlers, const Limits& limits) {
  const auto method = [&](auto request, auto member) {
    using Request = decltype(request);
    return MakeMethod<Request>(
        limits, [&handlers, member](const Request& message, const CallContext& context) {
          return (handlers.*member)(message, context);
        });
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
      {"Compute", MakeMethodAroundTensors<v1::ComputeRequest>(limits, compute)},
      {"ComputeStream", MakeStreamMethod(limits, compute)},
      {"Compare", MakeMethodAroundTensors<v1::CompareRequest>(limits, compare)},
      {"ComputeClassWeights",
       method(v1::ComputeClassWeightsRequest(), &Handlers::ComputeClassWeights)},
      {"MeasureInformation",
       method(v1::MeasureInformationRequest(), &Handlers::MeasureInformation)},
      {"ListLosses", method(v1::ListLossesRequest(), &Handlers::ListLosses)},
      {"GetServerInfo", method(v1::GetServerInfoRequest(), &Handlers::GetServerInfo)},
  };
}

}  // namespace lossd::rpc
