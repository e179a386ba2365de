// The things that clients and tools find beside the answers: health and the list of methods.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "server/transport/grpc/raw_service.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/runs/recorded_batches.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::HasSubstr;

TEST(HealthTest, ServesForTheServerAndEachService) {
  const TestServer server;
  const auto health = Health::NewStub(server.channel());
  for (const char* service :
       {"", "lossd.v1.LossService", "lossd.v1.RunService", "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection"}) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const grpc::Status status = health->Check(&context, request, &response);
    ASSERT_TRUE(status.ok()) << service << ": " << status.error_message();
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << service;
  }
}

TEST(HealthTest, DoesNotKnowOtherServices) {
  const TestServer server;
  const auto health = Health::NewStub(server.channel());
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("lossd.v1.NoSuchService");
  HealthCheckResponse response;
  const grpc::Status status = health->Check(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("lossd.v1.NoSuchService"));

  request.set_service(std::string(4000, 'x'));
  grpc::ClientContext long_context;
  const grpc::Status long_status = health->Check(&long_context, request, &response);
  EXPECT_EQ(long_status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(long_status.error_message(), HasSubstr("xxx..."));
}

TEST(HealthTest, WatchingTellsOfUnknownServicesAndEndsWithItsClient) {
  const TestServer server;
  const auto health = Health::NewStub(server.channel());
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(i % 2 == 0 ? "lossd.v1.NoSuchService" : "lossd.v1.LossService");
    const auto watch = health->Watch(&context, request);
    HealthCheckResponse response;
    ASSERT_TRUE(watch->Read(&response));
    EXPECT_EQ(response.status(),
              i % 2 == 0 ? HealthCheckResponse::SERVICE_UNKNOWN : HealthCheckResponse::SERVING);
    context.TryCancel();
    EXPECT_FALSE(watch->Read(&response));
    EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
}

TEST(HealthTest, ALargeRequestIsNotLookedAt) {
  const TestServer server;
  for (const char* method : {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"}) {
    const RawAnswer large = CallRaw(server.channel(), method, std::string(4097, '\0'));
    EXPECT_EQ(large.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << method;
    EXPECT_EQ(large.status.error_message(), "the request has 4097 bytes, expected 4096 at most");
    const RawAnswer wrong = CallRaw(server.channel(), method, "\x0b");
    EXPECT_EQ(wrong.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
  }
}

TEST(MethodsTest, EveryMethodOfTheServicesAnswers) {
  const TestServer server(KeepingRuns());
  const auto methods = transport::ServedMethods();
  ASSERT_EQ(methods.size(), 13);
  for (const google::protobuf::MethodDescriptor* method : methods) {
    const std::string& name = method->name();
    const RawAnswer answer =
        CallRaw(server.channel(), absl::StrCat("/", method->service()->full_name(), "/", name), "");
    if (name == "ComputeStream") {  // Its errors are messages.
      EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
      v1::ComputeStreamResponse message;
      EXPECT_TRUE(message.ParseFromString(answer.response));
      EXPECT_EQ(message.error().code(), grpc::StatusCode::INVALID_ARGUMENT);
    } else if (name == "ListLosses" || name == "GetServerInfo" || name == "ListRuns") {
      EXPECT_TRUE(answer.status.ok()) << name << ": " << answer.status.error_message();
    } else {  // An empty request has no tensors, and names no run.
      EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << name;
      EXPECT_EQ(ErrorInfoOf(answer.status).reason(), "INVALID_FIELD") << name;
    }
  }
}

TEST(MethodsTest, TheGeneratedStubGetsNumbers) {
  TestServer server;
  v1::ComputeRequest request;
  request.mutable_logits()->add_shape(1);
  request.mutable_logits()->add_shape(2);
  request.mutable_logits()->add_float_values(0);
  request.mutable_logits()->add_float_values(0);
  request.mutable_labels()->add_int_values(0);
  grpc::ClientContext context;
  v1::ComputeResponse response;
  const grpc::Status status = server.stub().Compute(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_NEAR(response.loss(), 0.6931471805599453, 1e-7);
}

TEST(MethodsTest, ServerInfoSaysTheOptions) {
  ServerOptions options;
  options.threads = 3;
  options.max_message_bytes = 12345678;
  TestServer server(options);
  grpc::ClientContext context;
  v1::GetServerInfoResponse response;
  ASSERT_TRUE(server.stub().GetServerInfo(&context, {}, &response).ok());
  EXPECT_EQ(response.thread_count(), 3);
  EXPECT_EQ(response.max_message_bytes(), 12345678);
  EXPECT_EQ(response.max_in_flight_bytes(), int64_t{1} << 30);
  EXPECT_THAT(response.version(), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_FALSE(response.simd_instruction_set().empty());
}

TEST(MethodsTest, ServerInfoSaysWhatTheServerHasAndSinceWhen) {
  const absl::Time before = absl::Now();
  ServerOptions options;
  options.bounds.accept_compressed = true;
  options.bounds.min_ping_interval = absl::Milliseconds(2500);
  TestServer server(options);
  const absl::Time after = absl::Now();
  grpc::ClientContext context;
  v1::GetServerInfoResponse response;
  ASSERT_TRUE(server.stub().GetServerInfo(&context, {}, &response).ok());
  const absl::Time start = absl::FromUnixSeconds(response.start_time().seconds()) +
                           absl::Nanoseconds(response.start_time().nanos());
  EXPECT_GE(start, before);
  EXPECT_LE(start, after);
  EXPECT_EQ(response.min_ping_interval().seconds(), 2);
  EXPECT_EQ(response.min_ping_interval().nanos(), 500'000'000);
  EXPECT_THAT(response.features(), ::testing::ElementsAre("policy", "compressed_requests"));
  EXPECT_EQ(response.in_flight_bytes(), 0);
  const OpenStream stream(server.stub());  // It holds room for a message of any size.
  const absl::Time give_up = absl::Now() + absl::Seconds(10);
  while (response.in_flight_bytes() == 0 && absl::Now() < give_up) {
    grpc::ClientContext another;
    ASSERT_TRUE(server.stub().GetServerInfo(&another, {}, &response).ok());
  }
  // And the call that asks is in flight itself.
  EXPECT_GE(response.in_flight_bytes(), response.max_message_bytes());
  EXPECT_LT(response.in_flight_bytes(), response.max_message_bytes() + (1 << 16));
}

}  // namespace
}  // namespace lossd
