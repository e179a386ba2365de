#include "server/rpc/method_table.h"

#include "server/rpc/stream_method.h"

namespace lossd::rpc {
namespace {

UnaryMethod MakeComputeMethod(int64_t max_message_bytes, ComputeFunction compute) {
  return
      [max_message_bytes, compute = std::move(compute)](
          grpc::ByteBuffer& bytes, const CallContext& context) -> absl::StatusOr<grpc::ByteBuffer> {
        v1::ComputeRequest request;
        const auto tensors = ParseAroundTensors(
            bytes, max_message_bytes, wire::TensorFieldsOf<v1::ComputeRequest>(), request);
        if (!tensors.ok()) return tensors.status();
        auto answer = compute(request, context, tensors->payloads);
        if (!answer.ok()) return answer.status();
        return SerializeAnswer(*std::move(answer), max_message_bytes);
      };
}

UnaryMethod MakeCompareMethod(const Handlers& handlers, int64_t max_message_bytes) {
  return
      [max_message_bytes, &handlers](
          grpc::ByteBuffer& bytes, const CallContext& context) -> absl::StatusOr<grpc::ByteBuffer> {
        v1::CompareRequest request;
        const auto tensors = ParseAroundTensors(
            bytes, max_message_bytes, wire::TensorFieldsOf<v1::CompareRequest>(), request);
        if (!tensors.ok()) return tensors.status();
        const auto response = handlers.Compare(request, context, tensors->payloads);
        if (!response.ok()) return response.status();
        return SerializeMessage(*response, max_message_bytes);
      };
}

}  // namespace

MethodTable MakeMethodTable(const Handlers& handlers, int64_t max_message_bytes) {
  const auto method = [&](auto request, auto member) {
    using Request = decltype(request);
    return MakeMethod<Request>(
        max_message_bytes, [&handlers, member](const Request& message, const CallContext& context) {
          return (handlers.*member)(message, context);
        });
  };
  const ComputeFunction compute = [&handlers](const v1::ComputeRequest& request,
                                              const CallContext& context,
                                              const TensorPayloads& payloads) {
    return handlers.AnswerCompute(request, context, payloads);
  };
  MethodTable table;
  table.compute = MakeComputeMethod(max_message_bytes, compute);
  table.compute_stream = MakeStreamMethod(max_message_bytes, compute);
  table.compare = MakeCompareMethod(handlers, max_message_bytes);
  table.compute_class_weights =
      method(v1::ComputeClassWeightsRequest(), &Handlers::ComputeClassWeights);
  table.measure_information =
      method(v1::MeasureInformationRequest(), &Handlers::MeasureInformation);
  table.list_losses = method(v1::ListLossesRequest(), &Handlers::ListLosses);
  table.get_server_info = method(v1::GetServerInfoRequest(), &Handlers::GetServerInfo);
  return table;
}

}  // namespace lossd::rpc
