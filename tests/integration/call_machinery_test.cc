// A call around its handler: limits, malformed bytes, cancellation, exceptions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<v1::ComputeResponse> EmptyResponse(const v1::ComputeRequest&,
                                                  const rpc::CallContext&) {
  return v1::ComputeResponse();
}

grpc::Status Compute(v1::LossService::Stub& stub, const v1::ComputeRequest& request,
                     v1::ComputeResponse* response = nullptr) {
  grpc::ClientContext context;
  v1::ComputeResponse ignored;
  return stub.Compute(&context, request, response == nullptr ? &ignored : response);
}

TEST(MalformedRequestTest, EveryMethodSaysSo) {
  const TestServer server;
  for (const char* method : {"Compute", "Compare", "ComputeClassWeights", "MeasureInformation",
                             "ListLosses", "GetServerInfo"}) {
    const RawAnswer answer =
        CallRaw(server.channel(), absl::StrCat("/lossd.v1.LossService/", method), "\xff\xff\xff");
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
    EXPECT_EQ(
        answer.status.error_message(),
        absl::StrCat("the request is malformed: its bytes are not a lossd.v1.", method, "Request"));
    EXPECT_EQ(ErrorInfoOf(answer.status).reason(), "MALFORMED_REQUEST") << method;
  }
}

TEST(MalformedRequestTest, NoMessageIsNoRequest) {
  const TestServer server(EmptyResponse);
  const RawAnswer answer = CallWithoutMessage(server.channel(), "/lossd.v1.LossService/Compute");
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ErrorInfoOf(answer.status).reason(), "MALFORMED_REQUEST");
}

ServerOptions WithMessageLimit(int64_t bytes) {
  ServerOptions options;
  options.max_message_bytes = bytes;
  return options;
}

TEST(MessageLimitTest, ARequestOverItIsRefusedByTheNameOfTheFlag) {
  TestServer server(EmptyResponse, WithMessageLimit(1 << 20));
  for (const size_t bytes : {size_t{1} << 20, size_t{10} << 20, size_t{50} << 20}) {
    const grpc::Status status = Compute(server.stub(), RequestOfBytes(bytes));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << bytes;
    EXPECT_THAT(status.error_message(), HasSubstr("--max-message-bytes"));
    EXPECT_THAT(status.error_message(), HasSubstr("1048576"));
    EXPECT_EQ(ErrorInfoOf(status).reason(), "LIMIT_EXCEEDED");
    EXPECT_FALSE(HasRetryInfo(status));
  }
  EXPECT_TRUE(Compute(server.stub(), RequestOfBytes((1 << 20) - 100)).ok());
}

TEST(MessageLimitTest, AResponseOverItIsRefusedByTheNameOfTheFlag) {
  TestServer server(
      [](const v1::ComputeRequest&,
         const rpc::CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
        v1::ComputeResponse response;
        response.mutable_losses()->set_data(std::string(2 << 20, 'x'));
        return response;
      },
      WithMessageLimit(1 << 20));
  const grpc::Status status = Compute(server.stub(), RequestOfBytes(1));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("the response has"));
  EXPECT_THAT(status.error_message(), HasSubstr("--max-message-bytes"));
}

TEST(MessageLimitTest, ALargeResponseUnderItArrivesWhole) {
  std::string data(30 << 20, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 / 5);
  TestServer server([&](const v1::ComputeRequest&,
                        const rpc::CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
    v1::ComputeResponse response;
    response.mutable_losses()->set_data(data);
    return response;
  });
  v1::ComputeResponse response;
  ASSERT_TRUE(Compute(server.stub(), RequestOfBytes(20 << 20), &response).ok());
  EXPECT_TRUE(response.losses().data() == data);
}

TEST(CancellationTest, AHandlerSeesThatTheClientCancelled) {
  Gate gate;
  TestServer server(gate.answer());
  grpc::ClientContext context;
  grpc::Status status;
  std::thread caller([&] {
    v1::ComputeResponse response;
    status = server.stub().Compute(&context, RequestOfBytes(kLargeRequestBytes), &response);
  });
  EXPECT_TRUE(gate.WaitUntilEntered());
  context.TryCancel();
  EXPECT_TRUE(gate.WaitUntilCancelled());
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
}

TEST(CancellationTest, AHandlerSeesThatTheDeadlinePassed) {
  Gate gate;
  TestServer server(gate.answer());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  v1::ComputeResponse response;
  const grpc::Status status =
      server.stub().Compute(&context, RequestOfBytes(kLargeRequestBytes), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(gate.WaitUntilCancelled());
}

TEST(ExceptionTest, IsAnInternalErrorWithoutItsTextAndTheServerLivesOn) {
  std::atomic<int> calls = 0;
  TestServer server([&](const v1::ComputeRequest&,
                        const rpc::CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
    switch (calls++) {
      case 0:
        throw std::runtime_error("at 0x7ffe0000 in /build/secret.cc");
      case 1:
        throw 7;  // NOLINT: no std::exception, which is the point
      default:
        return v1::ComputeResponse();
    }
  });
  for (int i = 0; i < 2; ++i) {
    const grpc::Status status = Compute(server.stub(), RequestOfBytes(1));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_THAT(status.error_message(), Not(HasSubstr("secret")));
    EXPECT_THAT(status.error_message(), Not(HasSubstr("0x")));
    EXPECT_EQ(ErrorInfoOf(status).reason(), "INTERNAL");
  }
  EXPECT_TRUE(Compute(server.stub(), RequestOfBytes(1)).ok());
}

TEST(SchedulingTest, ALargeCallDoesNotHoldUpSmallOnes) {
  Gate gate;
  ServerOptions options;
  options.threads = 1;
  TestServer server(
      [&](const v1::ComputeRequest& request,
          const rpc::CallContext& context) -> absl::StatusOr<v1::ComputeResponse> {
        if (request.labels().data().size() < kLargeRequestBytes) return v1::ComputeResponse();
        return gate.Answer(context);
      },
      options);
  std::thread large(
      [&] { EXPECT_TRUE(Compute(server.stub(), RequestOfBytes(kLargeRequestBytes)).ok()); });
  EXPECT_TRUE(gate.WaitUntilEntered());
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(Compute(server.stub(), RequestOfBytes(100)).ok());
  }
  gate.Open();
  large.join();
}

// There are 1, 2 and 8 queues for so many threads.
class ManyCallsTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Threads, ManyCallsTest, ::testing::Values(1, 4, 32));

TEST_P(ManyCallsTest, AllGetTheirOwnAnswer) {
  constexpr int kThreads = 8;
  constexpr int kCallsEach = 50;
  ServerOptions options;
  options.threads = GetParam();
  TestServer server(
      [](const v1::ComputeRequest& request,
         const rpc::CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
        v1::ComputeResponse response;
        response.set_valid_count(static_cast<int64_t>(request.labels().data().size()));
        return response;
      },
      options);
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&server, t] {
      for (int i = 0; i < kCallsEach; ++i) {
        // Some are answered on the queues' threads, some on the workers.
        const auto bytes = size_t{1000} * static_cast<size_t>(i) + static_cast<size_t>(t);
        v1::ComputeResponse response;
        ASSERT_TRUE(Compute(server.stub(), RequestOfBytes(bytes), &response).ok());
        ASSERT_EQ(response.valid_count(), bytes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace lossd
