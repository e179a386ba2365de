// What calls may take: of memory, of the thread that serves them all, and of time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/slow_client.h"
#include "tests/integration/stream_batches.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::testing::HasSubstr;

// A server that is full of calls that are computed.
class FullServerTest : public ::testing::Test {
 protected:
  FullServerTest() {
    EXPECT_TRUE(ComputeBytes(server_.stub(), 10).ok());
    callers_.emplace(server_, kMessagesInFlight);
    EXPECT_TRUE(room_.WaitUntilEntered(kMessagesInFlight));
  }
  ~FullServerTest() override { room_.Open(); }

  WaitingRoom room_;
  TestServer server_{room_.AnswerLarge(), WithThreads(kMessagesInFlight + 1, kMessageLimit)};
  std::optional<LargeCallers> callers_;
};

TEST_F(FullServerTest, AnswersSmallCallsOfAClientThatItKnows) {
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ComputeBytes(server_.stub(), 10).ok());
}

TEST_F(FullServerTest, RefusesACallThatIsLargerThanItsClientLetExpect) {
  const grpc::Status refused = ComputeBytes(server_.stub(), kLargeRequestBytes);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(), HasSubstr("overloaded"));
  EXPECT_THAT(refused.error_message(), HasSubstr("--max-in-flight-bytes"));
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "OVERLOADED");
  EXPECT_TRUE(HasRetryInfo(refused));
}

TEST_F(FullServerTest, LetsOthersWaitAndAnswersThemWhenThereIsRoom) {
  LargeCallers more(server_, 4);
  EXPECT_FALSE(room_.WaitUntilEntered(kMessagesInFlight + 1, absl::Milliseconds(200)));
  room_.Open();
}

TEST_F(FullServerTest, FailsACallThatWaitsWhenItsDeadlinePasses) {
  const auto stub = v1::LossService::NewStub(Connect(server_.address()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
  v1::ComputeResponse response;
  EXPECT_EQ(stub->Compute(&context, RequestOfBytes(kLargeRequestBytes), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(room_.entered(), kMessagesInFlight);
}

// What the answer takes is asked for before it is made.
TEST(AnswerBytesTest, AreRefusedWhereTheyDoNotFit) {
  constexpr int64_t kMiB = 1 << 20;
  Gate gate;
  ServerOptions options = WithThreads(2, 4 * kMiB);
  options.max_in_flight_bytes = 32 * kMiB;
  TestServer server(
      [&](const v1::ComputeRequest& request,
          const rpc::CallContext& context) -> absl::StatusOr<v1::ComputeResponse> {
        const bool first = request.labels().data().size() > kLargeRequestBytes;
        const absl::Status fits = context.admit({0, first ? 25 * kMiB : 8 * kMiB});
        if (!fits.ok()) return fits;
        return first ? gate.Answer(context) : v1::ComputeResponse();
      },
      options);
  std::thread caller(
      [&] { EXPECT_TRUE(ComputeBytes(server.stub(), kLargeRequestBytes + 1).ok()); });
  EXPECT_TRUE(gate.WaitUntilEntered());
  const grpc::Status refused = ComputeBytes(server.stub(), kLargeRequestBytes);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(refused.error_message(), HasSubstr("--max-in-flight-bytes"));
  EXPECT_TRUE(HasRetryInfo(refused));
  gate.Open();
  caller.join();
  EXPECT_TRUE(ComputeBytes(server.stub(), kLargeRequestBytes).ok());
}

// A small request with much work leaves the thread that serves the others.
class MuchWorkTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::ComputeResponse> Answer(const v1::ComputeRequest& request,
                                             const rpc::CallContext& context) {
    ++runs_;
    const bool much = request.labels().data().size() == 10;
    const absl::Status goes_on = context.admit({much ? int64_t{1'000'000'000} : 1, 0});
    if (!goes_on.ok()) return goes_on;
    if (much) return gate_.Answer(context);
    v1::ComputeResponse response;
    response.set_valid_count(static_cast<int64_t>(request.labels().data().size()));
    return response;
  }

  std::atomic<int> runs_ = 0;
  Gate gate_;
  TestServer server_{[this](const v1::ComputeRequest& request, const rpc::CallContext& context) {
                       return Answer(request, context);
                     },
                     WithThreads(1)};
};

TEST_F(MuchWorkTest, OfACallRunsOnAWorker) {
  std::thread caller([&] { EXPECT_TRUE(ComputeBytes(server_.stub(), 10).ok()); });
  EXPECT_TRUE(gate_.WaitUntilEntered());
  EXPECT_EQ(runs_, 2);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ComputeBytes(server_.stub(), 5).ok());
  gate_.Open();
  caller.join();
}

TEST_F(MuchWorkTest, OfABatchRunsOnAWorkerAndItsAnswerKeepsItsPlace) {
  OpenStream stream(server_.stub());
  stream.Write(1, RequestOfBytes(5));
  stream.Write(2, RequestOfBytes(10));
  stream.Write(3, RequestOfBytes(5));
  EXPECT_EQ(stream.Read().sequence(), 1);
  EXPECT_TRUE(gate_.WaitUntilEntered());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ComputeBytes(server_.stub(), 5).ok());
  gate_.Open();
  const v1::ComputeStreamResponse much = stream.Read();
  EXPECT_EQ(much.response().valid_count(), 42) << much.ShortDebugString();
  EXPECT_EQ(stream.Read().sequence(), 3);
}

class StallTest : public ::testing::Test {
 protected:
  static constexpr int kClients = 40;
  static constexpr size_t kBytes = 50'000;

  static ServerOptions Options() {
    ServerOptions options = WithThreads(2, int64_t{1} << 20);
    options.max_in_flight_bytes = 16 << 20;
    options.bounds.stall_timeout = absl::Milliseconds(500);
    return options;
  }

  // Answers with 16 times as many bytes as were sent.
  static absl::StatusOr<v1::ComputeResponse> Echo(const v1::ComputeRequest& request,
                                                  const rpc::CallContext&) {
    v1::ComputeResponse response;
    response.mutable_losses()->set_data(std::string(16 * request.labels().data().size(), 'x'));
    return response;
  }

  // Calls until it is answered: all the bytes of the others have returned.
  void ExpectAllIsThereAgain() {
    const absl::Time give_up = absl::Now() + absl::Seconds(30);
    const auto call = [&] {
      std::vector<std::thread> callers;
      std::atomic<int> answered = 0;
      for (int i = 0; i < 4; ++i) {
        callers.emplace_back(
            [&] { answered += ComputeBytes(server_.stub(), kBytes).ok() ? 1 : 0; });
      }
      for (std::thread& caller : callers) caller.join();
      return answered == 4;
    };
    while (!call()) ASSERT_LT(absl::Now(), give_up);
  }

  TestServer server_{&Echo, Options()};
};

TEST_F(StallTest, ClientsThatDoNotReadTheirAnswersAreGone) {
  std::vector<std::unique_ptr<SlowClient>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<SlowClient>(server_.address()));
    clients.back()->SendAndDoNotRead(kBytes);
  }
  for (const auto& client : clients) EXPECT_TRUE(client->WaitUntilEnded());
  ExpectAllIsThereAgain();
}

TEST_F(StallTest, ClientsThatDoNotFinishTheirRequestsAreGone) {
  std::vector<std::unique_ptr<SlowClient>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<SlowClient>(server_.address()));
    clients.back()->SendPartOf(1 << 19);
  }
  for (const auto& client : clients) EXPECT_TRUE(client->WaitUntilEnded());
  ExpectAllIsThereAgain();
}

TEST_F(StallTest, AStreamThatWaitsForItsClientIsNot) {
  OpenStream stream(server_.stub());
  stream.Write(1, RequestOfBytes(10));
  EXPECT_TRUE(stream.Read().has_response());
  absl::SleepFor(absl::Seconds(2));
  stream.Write(2, RequestOfBytes(10));
  EXPECT_TRUE(stream.Read().has_response());
}

}  // namespace
}  // namespace lossd
