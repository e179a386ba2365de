// RunService's streams, and whom they serve.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "lossd/v1/run_service.grpc.pb.h"
#include "tests/integration/auth/token_texts.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/runs/recorded_batches.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::testing::ElementsAre;

grpc::Status Compute(TestServer& server, const v1::ComputeRequest& request,
                     const std::string& token = "") {
  grpc::ClientContext context;
  if (!token.empty()) Authorize(context, token);
  v1::ComputeResponse response;
  return server.stub().Compute(&context, request, &response);
}

// A watch of the run "run", which is told of changes each 100 ms at most.
class Watch {
 public:
  explicit Watch(const TestServer& server, const std::string& token = "") {
    if (!token.empty()) Authorize(context_, token);
    context_.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    v1::WatchRunRequest request;
    request.set_run("run");
    request.mutable_min_interval()->set_nanos(100'000'000);
    stub_ = v1::RunService::NewStub(server.channel());
    stream_ = stub_->WatchRun(&context_, request);
  }

  // Returns the presentations of the next answer; −1 when the call has ended.
  int64_t Next() {
    v1::WatchRunResponse response;
    return stream_->Read(&response) ? response.run().presentation_count() : -1;
  }
  grpc::Status Finish() { return stream_->Finish(); }
  grpc::ClientContext& context() { return context_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<v1::RunService::Stub> stub_;
  std::unique_ptr<grpc::ClientReader<v1::WatchRunResponse>> stream_;
};

TEST(RunStreamsTest, AWatchIsToldOfEachChangeUntilTheRunIsDeleted) {
  TestServer server(KeepingRuns());
  ASSERT_TRUE(Compute(server, SmallBatch("run", 0, 4)).ok());
  Watch watch(server);
  EXPECT_EQ(watch.Next(), 4);
  ASSERT_TRUE(Compute(server, SmallBatch("run", 4, 4)).ok());
  EXPECT_EQ(watch.Next(), 8);
  const auto stub = v1::RunService::NewStub(server.channel());
  grpc::ClientContext context;
  v1::DeleteRunRequest request;
  request.set_run("run");
  v1::DeleteRunResponse response;
  ASSERT_TRUE(stub->DeleteRun(&context, request, &response).ok());
  EXPECT_EQ(watch.Next(), -1);
  const grpc::Status end = watch.Finish();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::NOT_FOUND) << end.error_message();
  EXPECT_EQ(ErrorInfoOf(end).reason(), "NO_SUCH_RUN");
}

TEST(RunStreamsTest, AClientMayGoAwayWhileAWatchPauses) {
  TestServer server(KeepingRuns());
  ASSERT_TRUE(Compute(server, SmallBatch("run", 0, 4)).ok());
  Watch watch(server);
  EXPECT_EQ(watch.Next(), 4);
  watch.context().TryCancel();
  EXPECT_EQ(watch.Next(), -1);
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(server.Shutdown(absl::Seconds(10)));
}

TEST(RunStreamsTest, AServerThatStopsEndsWatchesAtOnce) {
  TestServer server(KeepingRuns());
  ASSERT_TRUE(Compute(server, SmallBatch("run", 0, 4)).ok());
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < 20; ++i) {
    watches.push_back(std::make_unique<Watch>(server));
    EXPECT_EQ(watches.back()->Next(), 4);
  }
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(server.Shutdown(absl::Seconds(20)));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15));
  for (const auto& watch : watches) {
    EXPECT_EQ(watch->Next(), -1);
    const grpc::Status end = watch->Finish();
    EXPECT_EQ(end.error_code(), grpc::StatusCode::UNAVAILABLE) << end.error_message();
    EXPECT_EQ(ErrorInfoOf(end).reason(), "SHUTTING_DOWN");
  }
}

// More watches than the server has threads, none of which is read: others are answered.
TEST(RunStreamsTest, ClientsThatDoNotReadHoldNoThread) {
  ServerOptions options = KeepingRuns();
  options.threads = 1;
  options.bounds.stall_timeout = absl::Milliseconds(500);
  TestServer server(options);
  constexpr int64_t kSamples = 40'000;
  for (int64_t first = 0; first < kSamples; first += 1000) {
    ASSERT_TRUE(Compute(server, SmallBatch("run", first, 1000)).ok());
  }
  const auto stub = v1::RunService::NewStub(server.channel());
  v1::ExportRunSamplesRequest request;
  request.set_run("run");
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::ExportRunSamplesResponse>>> unread;
  for (int i = 0; i < 8; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    unread.push_back(stub->ExportRunSamples(contexts.back().get(), request));
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(Compute(server, SmallBatch("run", i, 100)).ok());
  }
  for (size_t i = 0; i < unread.size(); ++i) {
    contexts[i]->TryCancel();
    v1::ExportRunSamplesResponse part;
    while (unread[i]->Read(&part)) {
    }
    EXPECT_FALSE(unread[i]->Finish().ok());
  }
  EXPECT_TRUE(server.Shutdown(absl::Seconds(10)));
}

std::string AdminLine(absl::string_view name, absl::string_view token) {
  const std::string line = TokenLine(name, token);
  return absl::StrCat(absl::StripSuffix(line, "\n"), " admin\n");
}

std::vector<std::string> RunsSeenBy(const TestServer& server, const std::string& token) {
  const auto stub = v1::RunService::NewStub(server.channel());
  grpc::ClientContext context;
  Authorize(context, token);
  v1::ListRunsResponse response;
  EXPECT_TRUE(stub->ListRuns(&context, {}, &response).ok());
  std::vector<std::string> names;
  for (const v1::Run& run : response.runs()) names.push_back(run.name());
  return names;
}

TEST(RunStreamsTest, ARunBelongsToItsToken) {
  const TokenFile file(TokenLine("a", "of a") + TokenLine("b", "of b") +
                       AdminLine("root", "of root"));
  ServerOptions options = KeepingRuns();
  options.token_file = file.path();
  TestServer server(options);
  ASSERT_TRUE(Compute(server, SmallBatch("run", 0, 4), "of a").ok());
  const grpc::Status denied = Compute(server, SmallBatch("run", 4, 4), "of b");
  EXPECT_EQ(denied.error_code(), grpc::StatusCode::PERMISSION_DENIED) << denied.error_message();
  EXPECT_EQ(ErrorInfoOf(denied).reason(), "RUN_OF_ANOTHER");
  ASSERT_TRUE(Compute(server, SmallBatch("own", 0, 4), "of b").ok());
  EXPECT_THAT(RunsSeenBy(server, "of a"), ElementsAre("run"));
  EXPECT_THAT(RunsSeenBy(server, "of b"), ElementsAre("own"));
  EXPECT_THAT(RunsSeenBy(server, "of root"), ElementsAre("own", "run"));
  Watch watch(server, "of b");
  EXPECT_EQ(watch.Next(), -1);
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(RunStreamsTest, AWatchOfARevokedTokenEnds) {
  const TokenFile file(TokenLine("a", "of a"));
  ServerOptions options = KeepingRuns();
  options.token_file = file.path();
  TestServer server(options);
  ASSERT_TRUE(Compute(server, SmallBatch("run", 0, 4), "of a").ok());
  Watch watch(server, "of a");
  EXPECT_EQ(watch.Next(), 4);
  file.Replace(TokenLine("other", "of another"));
  ASSERT_TRUE(server.ReloadTokens().ok());
  EXPECT_EQ(watch.Next(), -1);
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace lossd
