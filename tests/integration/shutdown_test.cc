// A server that shuts down, and the calls that it has.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckResponse;

TEST(ShutdownTest, FinishesTheCallInFlightAndTakesNoOther) {
  Gate gate;
  TestServer server(gate.answer());
  grpc::Status status;
  v1::ComputeResponse response;
  std::thread caller([&] {
    grpc::ClientContext context;
    status = server.stub().Compute(&context, RequestOfBytes(kLargeRequestBytes), &response);
  });
  EXPECT_TRUE(gate.WaitUntilEntered());
  bool finished = false;
  std::thread closer([&] { finished = server.Shutdown(absl::Seconds(30)); });

  // Others are told, from when it has begun.
  grpc::Status refused;
  do {
    const auto stub = v1::LossService::NewStub(Connect(server.address()));
    grpc::ClientContext context;
    v1::GetServerInfoResponse info;
    refused = stub->GetServerInfo(&context, {}, &info);
  } while (refused.ok());
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "SHUTTING_DOWN");
  EXPECT_TRUE(HasRetryInfo(refused));

  gate.Open();
  caller.join();
  closer.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.valid_count(), 42);
  EXPECT_TRUE(finished);
}

TEST(ShutdownTest, FinishesACallWhoseRequestIsStillOnTheWay) {
  TestServer server([](const v1::ComputeRequest& request,
                       const rpc::CallContext&) -> absl::StatusOr<v1::ComputeResponse> {
    v1::ComputeResponse response;
    response.set_valid_count(static_cast<int64_t>(request.labels().data().size()));
    return response;
  });
  // Many calls with large requests are on the way at any time.
  constexpr size_t kBytes = 8 << 20;
  constexpr int kCallers = 4;
  std::vector<std::thread> callers;
  callers.reserve(kCallers);
  std::vector<grpc::Status> failures(kCallers);
  absl::Notification warm;
  for (size_t i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      const v1::ComputeRequest request = RequestOfBytes(kBytes);
      for (int call = 0; failures[i].ok(); ++call) {
        grpc::ClientContext context;
        v1::ComputeResponse response;
        failures[i] = server.stub().Compute(&context, request, &response);
        if (failures[i].ok()) {
          EXPECT_EQ(response.valid_count(), kBytes);
        }
        if (call == 5 && i == 0) warm.Notify();
      }
    });
  }
  warm.WaitForNotification();
  EXPECT_TRUE(server.Shutdown(absl::Seconds(30)));
  for (std::thread& caller : callers) caller.join();
  // Each ends with a call that the server did not take, which another server could; none was cut.
  for (const grpc::Status& failure : failures) {
    EXPECT_EQ(failure.error_code(), grpc::StatusCode::UNAVAILABLE) << failure.error_message();
  }
}

TEST(ShutdownTest, CancelsWhatIsNotFinishedAfterTheGracePeriod) {
  Gate gate;
  TestServer server(gate.answer());
  grpc::Status status;
  std::thread caller([&] {
    grpc::ClientContext context;
    v1::ComputeResponse response;
    status = server.stub().Compute(&context, RequestOfBytes(kLargeRequestBytes), &response);
  });
  EXPECT_TRUE(gate.WaitUntilEntered());
  EXPECT_FALSE(server.Shutdown(absl::Milliseconds(50)));
  EXPECT_TRUE(gate.WaitUntilCancelled());
  caller.join();
  EXPECT_FALSE(status.ok());
}

TEST(ShutdownTest, TellsTheWatchesOfHealthAndEndsThem) {
  TestServer server;
  const auto health = Health::NewStub(server.channel());
  grpc::ClientContext context;
  const auto watch = health->Watch(&context, {});
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);

  const absl::Time start = absl::Now();
  std::thread closer([&] { EXPECT_TRUE(server.Shutdown(absl::Seconds(30))); });
  EXPECT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  const grpc::Status end = watch->Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(end).reason(), "SHUTTING_DOWN");
  EXPECT_TRUE(HasRetryInfo(end));
  closer.join();
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

TEST(ShutdownTest, IsOverAtOnceWhenNothingIsInFlightAndMayBeAskedTwice) {
  TestServer server;
  const absl::Time start = absl::Now();
  EXPECT_TRUE(server.Shutdown(absl::Seconds(30)));
  EXPECT_TRUE(server.Shutdown(absl::Seconds(30)));
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

}  // namespace
}  // namespace lossd
