#include "tests/integration/large_calls.h"

#include <algorithm>
#include <chrono>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/slice.h"
#include "gtest/gtest.h"

namespace lossd {

std::shared_ptr<grpc::Channel> ConnectAlone(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  // A call's time is not to be that of its connection.
  EXPECT_TRUE(
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30)));
  return channel;
}

grpc::ByteBuffer LargeBatch(int64_t mebibytes) {
  constexpr int64_t kClasses = 256;
  const int64_t rows = (mebibytes << 20) / kClasses / static_cast<int64_t>(sizeof(float));
  v1::ComputeRequest request;
  request.mutable_logits()->add_shape(rows);
  request.mutable_logits()->add_shape(kClasses);
  std::string& data = *request.mutable_logits()->mutable_data();
  data.assign(static_cast<size_t>(rows * kClasses) * sizeof(float), '\0');
  request.mutable_labels()->set_data_type(v1::DATA_TYPE_UINT8);
  request.mutable_labels()->set_data(std::string(static_cast<size_t>(rows), '\3'));
  request.mutable_labels()->add_shape(rows);
  request.mutable_outputs()->set_gradient(true);
  request.mutable_outputs()->set_omit_losses(true);
  const grpc::Slice bytes(request.SerializeAsString());
  return {&bytes, 1};
}

v1::ComputeRequest SmallBatch() {
  v1::ComputeRequest request;
  for (int i = 0; i < 20; ++i) request.mutable_logits()->add_float_values(i);
  request.mutable_logits()->add_shape(2);
  request.mutable_logits()->add_shape(10);
  request.mutable_labels()->add_int_values(1);
  request.mutable_labels()->add_int_values(2);
  return request;
}

bool SaysTryAgain(const grpc::Status& status) {
  google::rpc::Status details;
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return false;
  if (!details.ParseFromString(status.error_details())) return false;
  return std::any_of(
      details.details().begin(), details.details().end(),
      [](const google::protobuf::Any& detail) { return detail.Is<google::rpc::RetryInfo>(); });
}

grpc::Status LargeCalls::Call(grpc::ByteBuffer& response) {
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto call =
      stub_.PrepareUnaryCall(&context, "/lossd.v1.LossService/Compute", request_, &queue);
  call->StartCall();
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

}  // namespace lossd
