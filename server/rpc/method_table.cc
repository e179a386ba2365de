#include "server/rpc/method_table.h"

#include "server/rpc/stream_method.h"

namespace lossd::rpc {

MethodTable MakeMethodTable(const Handlers& handlers, int64_t max_message_bytes) {
  const auto method = [&](auto request, auto member) {
    using Request = decltype(request);
    return MakeMethod<Request>(
        max_message_bytes, [&handlers, member](const Request& message, const CallContext& context) {
          return (handlers.*member)(message, context);
        });
  };
  MethodTable table;
  table.compute = method(v1::ComputeRequest(), &Handlers::Compute);
  table.compute_stream =
      MakeStreamMethod(max_message_bytes,
                       [&handlers](const v1::ComputeRequest& request, const CallContext& context) {
                         return handlers.Compute(request, context);
                       });
  table.compare = method(v1::CompareRequest(), &Handlers::Compare);
  table.compute_class_weights =
      method(v1::ComputeClassWeightsRequest(), &Handlers::ComputeClassWeights);
  table.measure_information =
      method(v1::MeasureInformationRequest(), &Handlers::MeasureInformation);
  table.list_losses = method(v1::ListLossesRequest(), &Handlers::ListLosses);
  table.get_server_info = method(v1::GetServerInfoRequest(), &Handlers::GetServerInfo);
  return table;
}

}  // namespace lossd::rpc
