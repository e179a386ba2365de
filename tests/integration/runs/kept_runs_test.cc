#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "lossd/v1/run_service.grpc.pb.h"
#include "tests/integration/child_process.h"
#include "tests/server/runs/redis/redis_server.h"

namespace lossd {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSamples = 8;
constexpr int64_t kIds = 50;

// A folder that goes with the test.
class Folder {
 public:
  Folder() : path_(absl::StrCat(testing::TempDir(), "/kept_XXXXXX")) {
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~Folder() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The program with a store, and its services.
class KeepingProcess {
 public:
  explicit KeepingProcess(const std::string& store)
      : process_(LOSSD_PROGRAM, {"--listen", "127.0.0.1:0", "--threads", "2"},
                 {"LOSSD_RUNS=" + store}) {
    const std::string line = process_.ReadLine().value_or("");
    constexpr absl::string_view kBefore = "listening on ";
    EXPECT_THAT(line, HasSubstr(std::string(kBefore)));
    if (line.size() < kBefore.size()) return;
    const auto channel =
        grpc::CreateChannel(line.substr(kBefore.size()), grpc::InsecureChannelCredentials());
    losses_ = v1::LossService::NewStub(channel);
    runs_ = v1::RunService::NewStub(channel);
  }

  // Sends the batch of a step. Returns whether it was answered.
  bool Send(int64_t step) {
    grpc::ClientContext context;
    v1::ComputeRequest request;
    request.set_run("run");
    request.set_request_id(absl::StrCat("request ", step));
    request.set_step(step);
    for (int64_t i = 0; i < kSamples; ++i) {
      request.mutable_sample_ids()->add_int_values((step * kSamples + i) % kIds);
      request.mutable_labels()->add_int_values(i % 2);
      for (int64_t j = 0; j < 2; ++j) {
        request.mutable_logits()->add_float_values(static_cast<double>((step + i * j) % 5));
      }
    }
    request.mutable_logits()->add_shape(kSamples);
    request.mutable_logits()->add_shape(2);
    v1::ComputeResponse response;
    return losses_->Compute(&context, request, &response).ok();
  }

  v1::Run Get() {
    grpc::ClientContext context;
    v1::GetRunRequest request;
    request.set_run("run");
    v1::GetRunResponse response;
    const grpc::Status got = runs_->GetRun(&context, request, &response);
    EXPECT_TRUE(got.ok()) << got.error_message();
    return response.run();
  }

  // Returns how often each sample was presented.
  std::map<int64_t, int64_t> Presentations() {
    grpc::ClientContext context;
    v1::ListRunSamplesRequest request;
    request.set_run("run");
    request.set_page_size(static_cast<int32_t>(kIds));
    v1::ListRunSamplesResponse response;
    const grpc::Status got = runs_->ListRunSamples(&context, request, &response);
    EXPECT_TRUE(got.ok()) << got.error_message();
    std::map<int64_t, int64_t> presentations;
    for (const v1::RunSample& one : response.samples())
      presentations[one.id()] = one.presentations();
    return presentations;
  }

  void Kill() {
    process_.Signal(SIGKILL);
    EXPECT_EQ(process_.Wait(), -SIGKILL);
  }

 private:
  ChildProcess process_;
  std::unique_ptr<v1::LossService::Stub> losses_;
  std::unique_ptr<v1::RunService::Stub> runs_;
};

// Sends batches from `next` on until one is not answered because lossd is killed. Returns its step.
int64_t SendUntilKilled(const std::string& store, int64_t next, absl::Duration time) {
  KeepingProcess process(store);
  std::thread killing([&] {
    absl::SleepFor(time);
    process.Kill();
  });
  while (process.Send(next)) ++next;
  killing.join();
  return next;
}

// tests/soak/kills asks for more than CI.
int Kills() {
  const char* const asked = std::getenv("LOSSD_TEST_KILLS");
  int kills = 5;
  const bool is_number = asked == nullptr || absl::SimpleAtoi(asked, &kills);
  EXPECT_TRUE(is_number);
  return kills;
}

void ExpectNothingIsLostOrCountedTwice(const std::string& store) {
  std::mt19937_64 random(4);
  int64_t next = 0;
  for (int kills = 0; kills < Kills(); ++kills) {
    const auto time = absl::Microseconds(static_cast<int64_t>(random() % 150'000 + 20'000));
    // The last answer may be one of those that its client did not get.
    next = SendUntilKilled(store, std::max<int64_t>(0, next - 1), time);
  }
  KeepingProcess process(store);
  ASSERT_TRUE(process.Send(next));
  const v1::Run run = process.Get();
  EXPECT_EQ(run.presentation_count(), (next + 1) * kSamples);
  EXPECT_EQ(run.last_step(), next);
  std::map<int64_t, int64_t> expected;
  for (int64_t i = 0; i < (next + 1) * kSamples; ++i) ++expected[i % kIds];
  EXPECT_EQ(process.Presentations(), expected);
}

TEST(KeptRunsTest, AFileLosesAndRepeatsNothingWhenLossdIsKilled) {
  const Folder folder;
  ExpectNothingIsLostOrCountedTwice(absl::StrCat("sqlite:", folder.path(), "/runs.db"));
}

TEST(KeptRunsTest, RedisLosesAndRepeatsNothingWhenLossdIsKilled) {
  if (!runs::RedisServer::IsInstalled()) GTEST_SKIP() << "there is no redis-server";
  const runs::RedisServer server;
  ExpectNothingIsLostOrCountedTwice(absl::StrCat("redis://127.0.0.1:", server.address().port));
}

TEST(KeptRunsTest, AFileThatCannotBeOpenedIsNamed) {
  ChildProcess process(LOSSD_PROGRAM, {"--listen", "127.0.0.1:0", "--runs", "sqlite:/not/there/x"});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.ErrorOutput(), HasSubstr("--runs: cannot open /not/there/x"));
}

TEST(KeptRunsTest, ARedisThatForgetsIsWarnedOf) {
  if (!runs::RedisServer::IsInstalled()) GTEST_SKIP() << "there is no redis-server";
  const runs::RedisServer server;
  ChildProcess process(
      LOSSD_PROGRAM, {"--listen", "127.0.0.1:0"},
      {absl::StrCat("LOSSD_RUNS=redis://:s3cr3t@127.0.0.1:", server.address().port),
       "LOSSD_DRAIN_DELAY=0s"});
  ASSERT_TRUE(process.ReadLine());
  process.Signal(SIGTERM);
  EXPECT_EQ(process.Wait(), 0);
  // It has no password, and says so.
  EXPECT_THAT(process.ErrorOutput(), HasSubstr("runs cannot be recorded yet"));
  EXPECT_THAT(process.ErrorOutput(), testing::Not(HasSubstr("s3cr3t")));
  ChildProcess other(LOSSD_PROGRAM, {"--listen", "127.0.0.1:0"},
                     {absl::StrCat("LOSSD_RUNS=redis://127.0.0.1:", server.address().port),
                      "LOSSD_DRAIN_DELAY=0s"});
  ASSERT_TRUE(other.ReadLine());
  other.Signal(SIGTERM);
  EXPECT_EQ(other.Wait(), 0);
  EXPECT_THAT(other.ErrorOutput(), HasSubstr("appendonly yes"));
}

}  // namespace
}  // namespace lossd
