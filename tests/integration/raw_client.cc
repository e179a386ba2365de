#include "tests/integration/raw_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "gtest/gtest.h"

namespace lossd {
namespace {

// Waits for the one operation that is under way; whether it succeeded.
bool WaitFor(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  return queue.Next(&tag, &ok) && ok;
}

std::string Text(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(slice.begin(), slice.end());
  return text;
}

std::string FirstOf(const std::vector<std::string>& responses) {
  return responses.empty() ? "" : responses.front();
}

}  // namespace

RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                  const std::string& request) {
  RawStreamAnswer answer = StreamRaw(channel, method, {request});
  return {std::move(answer.status), FirstOf(answer.responses)};
}

RawAnswer CallWithoutMessage(const std::shared_ptr<grpc::Channel>& channel,
                             const std::string& method) {
  RawStreamAnswer answer = StreamRaw(channel, method, {});
  return {std::move(answer.status), FirstOf(answer.responses)};
}

grpc::Status StartWithoutMessage(const std::shared_ptr<grpc::Channel>& channel,
                                 const std::string& method,
                                 const std::function<void(grpc::ClientContext&)>& arrived) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  WaitFor(queue);
  arrived(context);
  grpc::Status status;
  call->Finish(&status, nullptr);
  WaitFor(queue);
  return status;
}

RawStreamAnswer StreamRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                          const std::vector<std::string>& requests) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  WaitFor(queue);
  for (const std::string& request : requests) {
    const grpc::Slice slice(request);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    WaitFor(queue);
  }
  call->WritesDone(nullptr);
  WaitFor(queue);
  RawStreamAnswer answer;
  while (true) {
    grpc::ByteBuffer response;
    call->Read(&response, nullptr);
    if (!WaitFor(queue)) break;
    answer.responses.push_back(Text(response));
  }
  call->Finish(&answer.status, nullptr);
  WaitFor(queue);
  return answer;
}

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_FALSE(status.error_details().empty()) << status.error_message();
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  return details;
}

bool HasRetryInfo(const grpc::Status& status) {
  const google::rpc::Status details = DetailsOf(status);
  return std::any_of(
      details.details().begin(), details.details().end(),
      [](const google::protobuf::Any& detail) { return detail.Is<google::rpc::RetryInfo>(); });
}

google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status) {
  google::rpc::ErrorInfo info;
  const google::rpc::Status details = DetailsOf(status);
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&info)) break;
  }
  EXPECT_EQ(info.domain(), "lossd") << status.error_message();
  return info;
}

}  // namespace lossd
