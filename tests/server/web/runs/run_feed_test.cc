#include "server/web/runs/run_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lossd/v1/runs.pb.h"

namespace lossd::web {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;
using ::testing::StartsWith;

class RunFeedTest : public ::testing::Test {
 protected:
  RunFeedTest() {
    v1::Run& run = *runs_.add_runs();
    run.set_name("a");
    run.set_presentation_count(1);
    run.mutable_map()->add_counts(5);
    run.add_forgetting_histogram(6);
  }

  absl::StatusOr<std::string> Answer(const RunCall& call) {
    ++calls_;
    EXPECT_EQ(call.method, "ListRuns");
    asked_by_ = call.caller;
    if (!error_.ok()) return error_;
    return runs_.SerializeAsString();
  }

  auto Watch(std::shared_ptr<const rpc::Caller> caller = nullptr) {
    return feed_.Watch(std::move(caller), [this] { return serving_; });
  }

  v1::ListRunsResponse runs_;
  absl::Status error_;
  bool serving_ = true;
  int calls_ = 0;
  std::shared_ptr<const rpc::Caller> asked_by_;
  RunFeed feed_{[this](const RunCall& call) { return Answer(call); }, std::chrono::milliseconds(0)};
};

TEST_F(RunFeedTest, TellsWhatIsThereAndThenWhatHasChanged) {
  auto next = *Watch();
  EXPECT_THAT(next(), Optional(AllOf(StartsWith("event: runs\ndata: {"), EndsWith("}\n\n"),
                                     HasSubstr(R"("name":"a")"), Not(HasSubstr("map")),
                                     Not(HasSubstr("forgetting")))));
  EXPECT_THAT(next(), Optional(std::string()));
  runs_.mutable_runs(0)->set_presentation_count(2);
  EXPECT_THAT(next(), Optional(HasSubstr(R"("presentationCount":"2")")));
  EXPECT_THAT(next(), Optional(std::string()));
}

TEST_F(RunFeedTest, AnErrorIsAnEvent) {
  auto next = *Watch();
  error_ = absl::FailedPreconditionError("this server keeps no runs");
  EXPECT_THAT(next(), Optional(AllOf(StartsWith("event: error\ndata: {"),
                                     HasSubstr("FAILED_PRECONDITION"), HasSubstr("no runs"))));
  error_ = absl::OkStatus();
  EXPECT_THAT(next(), Optional(StartsWith("event: runs\n")));
}

TEST_F(RunFeedTest, EndsInADrainAndWhenTheTokenIsRevoked) {
  const auto caller = std::make_shared<rpc::Caller>("gpu", 1);
  auto next = *Watch(caller);
  EXPECT_TRUE(next());
  EXPECT_EQ(asked_by_, caller);
  caller->revoked = true;
  EXPECT_FALSE(next());

  auto other = *Watch();
  EXPECT_TRUE(other());
  serving_ = false;
  EXPECT_FALSE(other());
}

TEST_F(RunFeedTest, WatchersAreBoundedAndMakeRoomWhenTheyGo) {
  std::vector<std::function<std::optional<std::string>()>> watchers;
  for (int i = 0; i < RunFeed::kMostWatchers; ++i) watchers.push_back(*Watch());
  EXPECT_EQ(Watch().status().code(), absl::StatusCode::kResourceExhausted);
  watchers.pop_back();
  EXPECT_TRUE(Watch().ok());
}

TEST_F(RunFeedTest, RunsAreListedOnceForAllWatchersOfACaller) {
  RunFeed feed([this](const RunCall& call) { return Answer(call); }, std::chrono::hours(1));
  const auto serving = [] { return true; };
  const auto one = std::make_shared<rpc::Caller>("one", 1);
  const auto two = std::make_shared<rpc::Caller>("two", 2);
  auto first = *feed.Watch(one, serving);
  auto second = *feed.Watch(one, serving);
  auto other = *feed.Watch(two, serving);
  EXPECT_THAT(first(), Optional(HasSubstr("event: runs")));
  EXPECT_THAT(second(), Optional(HasSubstr("event: runs")));
  EXPECT_EQ(calls_, 1);
  EXPECT_THAT(other(), Optional(HasSubstr("event: runs")));
  EXPECT_EQ(calls_, 2);
  EXPECT_EQ(asked_by_, two);
}

}  // namespace
}  // namespace lossd::web
