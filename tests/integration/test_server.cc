#include "tests/integration/test_server.h"

#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "server/rpc/method_table.h"
#include "server/rpc/stream_method.h"

namespace lossd {
namespace {

template <typename Request, typename Response>
rpc::UnaryMethod EmptyAnswer(int64_t max_message_bytes) {
  return rpc::MakeMethod<Request>(
      max_message_bytes, [](const Request&, const rpc::CallContext&) -> absl::StatusOr<Response> {
        return Response();
      });
}

// The request as it was before its labels, which these tests send bytes in, were taken out.
v1::ComputeRequest WithLabels(v1::ComputeRequest request, const rpc::TensorPayloads& payloads) {
  const rpc::BytePieces* labels =
      rpc::FindPayload(payloads, v1::ComputeRequest::kLabelsFieldNumber);
  if (labels == nullptr) return request;
  std::string& data = *request.mutable_labels()->mutable_data();
  data.resize(labels->size());
  labels->CopyTo(0, absl::MakeSpan(data.data(), data.size()));
  return request;
}

rpc::MethodTable MakeTable(int64_t limit, const ComputeAnswer& compute) {
  rpc::MethodTable table;
  table.compute = rpc::MakeMethod<v1::ComputeRequest>(limit, compute);
  table.compute_stream = rpc::MakeStreamMethod(
      limit,
      [compute](const v1::ComputeRequest& request, const rpc::CallContext& context,
                const rpc::TensorPayloads& payloads) -> absl::StatusOr<rpc::ComputeAnswer> {
        auto response = compute(WithLabels(request, payloads), context);
        if (!response.ok()) return response.status();
        return rpc::ComputeAnswer{*std::move(response), {}};
      });
  table.compare = EmptyAnswer<v1::CompareRequest, v1::CompareResponse>(limit);
  table.compute_class_weights =
      EmptyAnswer<v1::ComputeClassWeightsRequest, v1::ComputeClassWeightsResponse>(limit);
  table.measure_information =
      EmptyAnswer<v1::MeasureInformationRequest, v1::MeasureInformationResponse>(limit);
  table.list_losses = EmptyAnswer<v1::ListLossesRequest, v1::ListLossesResponse>(limit);
  table.get_server_info = EmptyAnswer<v1::GetServerInfoRequest, v1::GetServerInfoResponse>(limit);
  return table;
}

}  // namespace

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // Channels with equal arguments share their connection otherwise.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

v1::ComputeRequest RequestOfBytes(size_t bytes) {
  v1::ComputeRequest request;
  request.mutable_labels()->set_data(std::string(bytes, 'x'));
  return request;
}

TestServer::TestServer(ServerOptions options) { Start(std::move(options)); }

TestServer::TestServer(ComputeAnswer compute, ServerOptions options) {
  options.make_methods = [limit = options.max_message_bytes, compute = std::move(compute)] {
    return MakeTable(limit, compute);
  };
  Start(std::move(options));
}

void TestServer::Start(ServerOptions options) {
  options.listen = {"127.0.0.1:0"};
  auto server = Server::Create(options);
  if (!server.ok()) {
    ADD_FAILURE() << server.status();
    std::abort();
  }
  server_ = *std::move(server);
  channel_ = Connect(address());
  stub_ = v1::LossService::NewStub(channel_);
}

absl::StatusOr<v1::ComputeResponse> Gate::Answer(const rpc::CallContext& context) {
  entered_.Notify();
  while (!open_.WaitForNotificationWithTimeout(absl::Milliseconds(1))) {
    if (!context.cancelled()) continue;
    cancelled_.Notify();
    return absl::CancelledError("cancelled");
  }
  v1::ComputeResponse response;
  response.set_valid_count(42);
  return response;
}

ComputeAnswer Gate::answer() {
  return [this](const v1::ComputeRequest&, const rpc::CallContext& context) {
    return Answer(context);
  };
}

}  // namespace lossd
