// The rpcs of runs that have many answers.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/server/rpc/handlers/run_calls.h"

namespace lossd::rpc {
namespace {

using RunAnswersTest = RunCalls;

std::vector<int64_t> Integers(const v1::Tensor& tensor) {
  EXPECT_EQ(tensor.data_type(), v1::DATA_TYPE_INT64);
  std::vector<int64_t> values(static_cast<size_t>(tensor.shape(0)));
  EXPECT_EQ(tensor.data().size(), values.size() * sizeof(int64_t));
  std::memcpy(values.data(), tensor.data().data(), tensor.data().size());
  return values;
}

// Also where a message has room for a few samples alone.
TEST_F(RunAnswersTest, AnExportHasEverySampleOnce) {
  for (const int64_t max_message_bytes : {int64_t{1} << 20, int64_t{2} << 10}) {
    store_ = std::make_shared<runs::MemoryStore>(runs::MemoryStoreOptions());
    Serve(max_message_bytes);
    Record("run", 0, 500);
    v1::ExportRunSamplesRequest request;
    request.set_run("run");
    const auto source = Open("ExportRunSamples", request);
    ASSERT_TRUE(source.ok()) << source.status();
    std::vector<int64_t> ids;
    while (true) {
      auto next = (*source)->Make({});
      ASSERT_TRUE(next.ok()) << next.status();
      if (std::holds_alternative<LastWasSent>(*next)) break;
      v1::ExportRunSamplesResponse response;
      const std::string bytes = Text(std::get<SentBytes>(*next));
      EXPECT_LE(bytes.size(), max_message_bytes);
      ASSERT_TRUE(response.ParseFromString(bytes));
      for (const int64_t id : Integers(response.id())) ids.push_back(id);
      EXPECT_EQ(Integers(response.presentations()),
                std::vector<int64_t>(Integers(response.id()).size(), 1));
      EXPECT_EQ(response.mean_loss().data_type(), v1::DATA_TYPE_FLOAT64);
    }
    ASSERT_EQ(ids.size(), 500);
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(ids[i], static_cast<int64_t>(i));
  }
}

TEST_F(RunAnswersTest, AnExportDoesNotKeepARunThatIsDeleted) {
  Record("run", 0, 500);
  v1::ExportRunSamplesRequest request;
  request.set_run("run");
  const auto source = Open("ExportRunSamples", request);
  ASSERT_TRUE(source.ok());
  ASSERT_TRUE(store_->Delete("run", {}).ok());
  EXPECT_EQ((*source)->Make({}).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(RunAnswersTest, AWatchTellsOfEachChangeOnce) {
  Record("run", 0, 10);
  v1::WatchRunRequest request;
  request.set_run("run");
  request.mutable_min_interval()->set_nanos(100'000'000);
  const auto watch = Open("WatchRun", request);
  ASSERT_TRUE(watch.ok()) << watch.status();
  const auto next = [&] { return *(*watch)->Make({}); };
  const auto told = [&](const AnswerSource::Next& one) {
    v1::WatchRunResponse response;
    EXPECT_TRUE(response.ParseFromString(Text(std::get<SentBytes>(one))));
    return response.run().presentation_count();
  };
  EXPECT_EQ(told(next()), 10);
  Record("run", 10, 10);
  const auto early = next();
  ASSERT_TRUE(std::holds_alternative<AskLater>(early)) << "two answers come too close";
  EXPECT_LE(std::get<AskLater>(early).delay, absl::Milliseconds(100));
  absl::SleepFor(absl::Milliseconds(110));
  EXPECT_EQ(told(next()), 20);
  absl::SleepFor(absl::Milliseconds(110));
  EXPECT_TRUE(std::holds_alternative<AskLater>(next())) << "nothing has changed";
  ASSERT_TRUE(store_->Delete("run", {}).ok());
  EXPECT_EQ((*watch)->Make({}).status().code(), absl::StatusCode::kNotFound);
}

// What the transport refuses may be asked for again.
TEST_F(RunAnswersTest, NothingIsLostWhereThereIsNoRoom) {
  Record("run", 0, 10);
  v1::ExportRunSamplesRequest request;
  request.set_run("run");
  const auto source = Open("ExportRunSamples", request);
  ASSERT_TRUE(source.ok());
  CallContext full;
  full.admit = [](const CallWork& work) {
    EXPECT_GT(work.bytes, 0);
    return absl::UnavailableError("full");
  };
  EXPECT_FALSE((*source)->Make(full).ok());
  const auto next = (*source)->Make({});
  ASSERT_TRUE(next.ok());
  EXPECT_TRUE(std::holds_alternative<SentBytes>(*next));
}

}  // namespace
}  // namespace lossd::rpc
