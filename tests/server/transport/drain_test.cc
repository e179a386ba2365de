#include "server/transport/drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

namespace lossd::transport {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Clock = Drain::Clock;
using Stage = Drain::Stage;

TEST(DrainTest, RefusesCallsAndWaitsForThoseThatCompute) {
  Drain drain;
  std::optional<Drain::Call> call(std::in_place, drain);
  EXPECT_TRUE(call->Arrive().ok());
  call->Enter(Stage::kComputing);
  drain.RefuseCalls();
  Drain::Call late(drain);
  const absl::Status refused = late.Arrive();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("shutting down"));
  EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo"));

  EXPECT_FALSE(drain.WaitUntilDone(Clock::now() + milliseconds(10)));
  std::thread other([&] { call.reset(); });
  EXPECT_TRUE(drain.WaitUntilDone(Clock::time_point::max()));
  other.join();
}

TEST(DrainTest, IsDoneAtOnceWithoutCalls) {
  Drain drain;
  drain.RefuseCalls();
  EXPECT_TRUE(drain.WaitUntilDone(Clock::now()));
}

// Two seconds for the one, five for the other: of a deadline that is much later.
TEST(DrainTest, WaitsOnlyForAMomentForClientsThatNeitherSendNorRead) {
  for (const Stage stage : {Stage::kArriving, Stage::kAnswering}) {
    Drain drain;
    Drain::Call call(drain);
    EXPECT_TRUE(call.Arrive().ok());
    call.Enter(stage);
    drain.RefuseCalls();
    const Clock::time_point start = Clock::now();
    EXPECT_FALSE(drain.WaitUntilDone(start + std::chrono::hours(1)));
    EXPECT_GE(Clock::now() - start, seconds(1));
  }
}

TEST(DrainTest, ACallThatWasRefusedIsNotWaitedFor) {
  Drain drain;
  drain.RefuseCalls();
  Drain::Call call(drain);
  EXPECT_FALSE(call.Arrive().ok());
  call.Enter(Stage::kComputing);
  EXPECT_TRUE(drain.WaitUntilDone(Clock::now() + seconds(30)));
}

TEST(DrainTest, TellsClientsThatCallOnButNotForEver) {
  Drain drain;
  drain.RefuseCalls();
  std::atomic<bool> done = false;
  int refused = 0;
  std::thread client([&] {
    while (!done) {
      Drain::Call call(drain);
      if (!call.Arrive().ok()) ++refused;
      std::this_thread::sleep_for(milliseconds(5));
    }
  });
  const Clock::time_point start = Clock::now();
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_TRUE(drain.WaitUntilDone(Clock::now() + std::chrono::hours(1)));
  const auto taken = Clock::now() - start;
  done = true;
  client.join();
  EXPECT_GT(refused, 1);
  EXPECT_GE(taken, milliseconds(500));
  EXPECT_LT(taken, seconds(30));
}

}  // namespace
}  // namespace lossd::transport
