#include "tests/integration/test_server.h"

#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "server/rpc/catch_exceptions.h"
#include "server/rpc/method_table.h"
#include "server/rpc/stream_method.h"
#include "server/rpc/wire/message_codec.h"
#include "server/threads/cpu_count.h"
#include "server/transport/grpc/raw_service.h"

namespace lossd {
namespace {

// Answers with a message that has no field set, which takes no bytes.
absl::StatusOr<rpc::SentBytes> AnswerEmpty(rpc::ReceivedBytes, const rpc::CallContext&) {
  return rpc::SentBytes();
}

absl::StatusOr<std::unique_ptr<rpc::AnswerSource>> AnswerNothing(rpc::ReceivedBytes,
                                                                 const rpc::CallContext&) {
  return absl::UnimplementedError("nothing is made here");
}

// Returns the request with its labels, in which these tests send bytes, put back.
v1::ComputeRequest WithLabels(v1::ComputeRequest request, const wire::TensorPayloads& payloads) {
  const wire::BytePieces* labels =
      wire::FindPayload(payloads, v1::ComputeRequest::kLabelsFieldNumber);
  if (labels == nullptr) return request;
  std::string& data = *request.mutable_labels()->mutable_data();
  data.resize(labels->size());
  labels->CopyTo(0, absl::MakeSpan(data.data(), data.size()));
  return request;
}

// Wraps `compute` as rpc::MakeMethod() does, but asks for no memory to parse the request: what is
// in flight is then what the tests say.
rpc::UnaryMethod AskingNothing(const rpc::Limits& limits, const ComputeAnswer& compute) {
  return [limits, compute](rpc::ReceivedBytes bytes, const rpc::CallContext& context) {
    return rpc::CatchExceptions([&]() -> absl::StatusOr<rpc::SentBytes> {
      v1::ComputeRequest request;
      absl::Status parsed = rpc::ParseMessage(bytes.pieces(), limits.max_message_bytes, request,
                                              [](double) { return absl::OkStatus(); });
      if (!parsed.ok()) return parsed;
      const auto response = compute(request, context);
      if (!response.ok()) return response.status();
      return rpc::SerializeMessage(*response, limits.max_message_bytes);
    });
  };
}

std::vector<rpc::MethodRow> MakeMethods(const rpc::Limits& limits, const ComputeAnswer& compute) {
  const auto compute_message =
      [compute](const v1::ComputeRequest& request, const rpc::CallContext& context,
                const wire::TensorPayloads& payloads) -> absl::StatusOr<rpc::ComputeAnswer> {
    auto response = compute(WithLabels(request, payloads), context);
    if (!response.ok()) return response.status();
    return rpc::ComputeAnswer{*std::move(response), {}};
  };
  std::vector<rpc::MethodRow> rows;
  for (const google::protobuf::MethodDescriptor* method : transport::ServedMethods()) {
    rows.push_back(
        {absl::StrCat(method->service()->full_name(), "/", method->name()), AnswerEmpty});
    if (method->name() == "Compute") {
      rows.back().method = AskingNothing(limits, compute);
    } else if (method->name() == "ComputeStream") {
      rows.back().method = rpc::MakeStreamMethod(limits, compute_message);
    } else if (method->server_streaming()) {
      rows.back().method = rpc::AnswersMethod{AnswerNothing};
    }
  }
  return rows;
}

// Returns the server; ends the program when there is none.
template <typename Started>
Started OrAbort(absl::StatusOr<Started> started) {
  if (!started.ok()) {
    ADD_FAILURE() << started.status();
    std::abort();
  }
  return *std::move(started);
}

// Returns what may be in flight. Unless the test says it, that is little enough for tests to fill.
int64_t InFlightBytes(const ServerOptions& options) {
  if (options.max_in_flight_bytes > 0) return options.max_in_flight_bytes;
  return 16 * options.max_message_bytes;
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

TestServer::TestServer(ServerOptions options) {
  options.listen = {"127.0.0.1:0"};
  server_ = OrAbort(Server::Create(options));
  channel_ = Connect(address());
  stub_ = v1::LossService::NewStub(channel_);
}

TestServer::TestServer(const ComputeAnswer& compute, const ServerOptions& options,
                       std::vector<rpc::CallFilter*> filters)
    : limits_(rpc::MakeLimits(options.max_message_bytes, InFlightBytes(options))) {
  transport::CallEnvironment::Options environment_options;
  environment_options.stall_timeout = options.bounds.stall_timeout;
  environment_options.worker_count = options.threads > 0 ? options.threads : AvailableCpuCount();
  environment_options.filters = std::move(filters);
  environment_.emplace(limits_, std::move(environment_options));
  transport::GrpcServerOptions grpc_options;
  grpc_options.listen = {"127.0.0.1:0"};
  grpc_options.bounds = options.bounds;
  grpc_server_ = OrAbort(
      transport::GrpcServer::Start(MakeMethods(limits_, compute), *environment_, grpc_options));
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
