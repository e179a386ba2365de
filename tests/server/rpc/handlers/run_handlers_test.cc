#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "server/rpc/errors/status.h"
#include "tests/server/rpc/handlers/run_calls.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using RunHandlersTest = RunCalls;

TEST_F(RunHandlersTest, ARunIsReturnedWithItsCurveAndMap) {
  Record("a/b", 0, 100);
  Record("a/b", 50, 100);
  const auto response = Get("a/b");
  ASSERT_TRUE(response.ok()) << response.status();
  const v1::Run& run = response->run();
  EXPECT_EQ(run.name(), "a/b");
  EXPECT_EQ(run.sample_count(), 150);
  EXPECT_EQ(run.presentation_count(), 200);
  EXPECT_EQ(run.hard_threshold(), 0.5);
  ASSERT_EQ(run.points_size(), 2);
  EXPECT_EQ(run.points(1).first_step(), 1);
  EXPECT_EQ(run.points(1).presentations(), 100);
  EXPECT_EQ(run.points(1).learning_rate(), 0.5);
  EXPECT_THAT(run.points(0).class_ids(), ElementsAre(0, 1, 2));
  ASSERT_EQ(run.map().counts_size(), 400);
  int64_t in_map = 0;
  for (const int64_t count : run.map().counts()) in_map += count;
  EXPECT_EQ(in_map, 150);
  EXPECT_EQ(run.forgetting_histogram_size(), 11);
  EXPECT_NEAR(
      absl::ToDoubleSeconds(absl::Now() - absl::FromUnixSeconds(run.update_time().seconds())), 0,
      100);

  v1::GetRunRequest request;
  request.set_run("a/b");
  request.set_max_points(1);
  const auto merged = Call<v1::GetRunResponse>("GetRun", request);
  ASSERT_TRUE(merged.ok());
  ASSERT_EQ(merged->run().points_size(), 1);
  EXPECT_EQ(merged->run().points(0).last_step(), 1);
}

TEST_F(RunHandlersTest, WhatIsWrongIsNamed) {
  struct Case {
    absl::Status status;
    const char* message;
  };
  v1::GetRunRequest get;
  get.set_run("a b");
  get.set_max_points(513);
  v1::WatchRunRequest watch;
  watch.set_run("a");
  watch.mutable_min_interval()->set_nanos(99'999'999);
  v1::ListRunsRequest list;
  list.set_page_size(-1);
  list.set_page_token("nonsense");
  v1::ListRunSamplesRequest samples;
  samples.set_run("a");
  samples.set_order_by(static_cast<v1::SampleOrder>(9));
  const Case cases[] = {
      {Call<v1::GetRunResponse>("GetRun", get).status(), "run = 'a b', expected 1 to 128 letters"},
      {Call<v1::GetRunResponse>("GetRun", get).status(),
       "max_points = 513, expected an integer in [0, 512]"},
      {Open("WatchRun", watch).status(), "min_interval = 99.999999ms, expected 100 ms to 1 h"},
      {Call<v1::ListRunsResponse>("ListRuns", list).status(),
       "page_size = -1, expected an integer"},
      {Call<v1::ListRunsResponse>("ListRuns", list).status(), "page_token is none that this"},
      {Call<v1::ListRunSamplesResponse>("ListRunSamples", samples).status(),
       "order_by = 9 is not a SampleOrder"},
      {Call<v1::DeleteRunResponse>("DeleteRun", v1::DeleteRunRequest()).status(), "run = ''"},
      {Open("ExportRunSamples", v1::ExportRunSamplesRequest()).status(), "run = ''"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(one.status.code(), absl::StatusCode::kInvalidArgument) << one.message;
    EXPECT_THAT(std::string(one.status.message()), HasSubstr(one.message));
  }
}

TEST_F(RunHandlersTest, ARunThatIsNotThereIsNotFound) {
  v1::ListRunSamplesRequest samples;
  samples.set_run("a");
  v1::DeleteRunRequest deleted;
  deleted.set_run("a");
  v1::ExportRunSamplesRequest exported;
  exported.set_run("a");
  for (const absl::Status& status :
       {Get("a").status(), Call<v1::ListRunSamplesResponse>("ListRunSamples", samples).status(),
        Call<v1::DeleteRunResponse>("DeleteRun", deleted).status(),
        Open("ExportRunSamples", exported).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(ErrorReason(status), "NO_SUCH_RUN");
  }
  v1::WatchRunRequest watched;
  watched.set_run("a");
  const auto watch = Open("WatchRun", watched);
  ASSERT_TRUE(watch.ok());
  EXPECT_EQ((*watch)->Make({}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RunHandlersTest, AServerWithoutRunsSaysSo) {
  Serve(int64_t{64} << 20, /*keeps_runs=*/false);
  const absl::Status status = Get("a").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--runs none"));
  EXPECT_EQ(Call<v1::ListRunsResponse>("ListRuns", v1::ListRunsRequest()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(RunHandlersTest, RunsComePageByPage) {
  for (const char* name : {"c", "a", "e", "b", "d"}) Record(name, 0, 1);
  std::vector<std::string> names;
  v1::ListRunsRequest request;
  request.set_page_size(2);
  int pages = 0;
  do {
    const auto response = Call<v1::ListRunsResponse>("ListRuns", request);
    ASSERT_TRUE(response.ok()) << response.status();
    for (const v1::Run& run : response->runs()) {
      names.push_back(run.name());
      EXPECT_EQ(run.points_size(), 0);
    }
    request.set_page_token(response->next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_EQ(pages, 3);
}

TEST_F(RunHandlersTest, SamplesComeInTheirOrderPageByPage) {
  Record("run", 0, 1000);
  v1::ListRunSamplesRequest request;
  request.set_run("run");
  request.set_order_by(v1::SAMPLE_ORDER_LOWEST_MARGIN);
  request.set_class_id(1);
  request.set_page_size(70);
  std::vector<v1::RunSample> samples;
  do {
    const auto response = Call<v1::ListRunSamplesResponse>("ListRunSamples", request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_LE(response->samples_size(), 70);
    samples.insert(samples.end(), response->samples().begin(), response->samples().end());
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  ASSERT_EQ(samples.size(), 333);
  for (size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(samples[i].class_id(), 1);
    if (i == 0) continue;
    const v1::RunSample& before = samples[i - 1];
    EXPECT_TRUE(
        before.mean_margin() < samples[i].mean_margin() ||
        (before.mean_margin() == samples[i].mean_margin() && before.id() < samples[i].id()));
  }
  // A token is one of the request that it came from.
  request.set_page_size(2);
  request.clear_page_token();
  request.set_page_token(
      Call<v1::ListRunSamplesResponse>("ListRunSamples", request)->next_page_token());
  request.clear_class_id();
  EXPECT_EQ(Call<v1::ListRunSamplesResponse>("ListRunSamples", request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(RunHandlersTest, ARunIsSeenByItsTokenAndByAdmin) {
  const Caller me("me", 1);
  const Caller they("they", 2);
  Caller admin("root", 3);
  admin.is_admin = true;
  Record("mine", 0, 3, "me");
  EXPECT_TRUE(Get("mine", &me).ok());
  EXPECT_EQ(Get("mine", &they).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Get("mine", &admin).ok());
  const auto count = [&](const Caller* caller) {
    return Call<v1::ListRunsResponse>("ListRuns", v1::ListRunsRequest(), caller)->runs_size();
  };
  EXPECT_EQ(count(&me), 1);
  EXPECT_EQ(count(&they), 0);
  EXPECT_EQ(count(&admin), 1);
  v1::DeleteRunRequest request;
  request.set_run("mine");
  EXPECT_EQ(Call<v1::DeleteRunResponse>("DeleteRun", request, &they).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(Call<v1::DeleteRunResponse>("DeleteRun", request, &admin).ok());
}

}  // namespace
}  // namespace lossd::rpc
