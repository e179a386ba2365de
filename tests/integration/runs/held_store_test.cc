// A store that does not answer holds up nobody who asks it for nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "lossd/v1/run_service.grpc.pb.h"
#include "server/runs/memory_store.h"
#include "server/runs/patience.h"
#include "server/threads/mutex.h"
#include "tests/integration/runs/recorded_batches.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

enum class Held { kBeforeRecording, kAfterRecording };

// Holds what is asked of it until it is let go, or nobody waits for it any more.
class HeldStore final : public runs::RunStore {
 public:
  explicit HeldStore(Held held = Held::kBeforeRecording) : is_held_(held) {}

  absl::Status Record(const runs::RunBatch& batch) override {
    if (is_held_ == Held::kAfterRecording) {
      absl::Status recorded = store_.Record(batch);
      Hold().IgnoreError();
      return recorded;
    }
    absl::Status held = Hold();
    return held.ok() ? store_.Record(batch) : held;
  }
  absl::StatusOr<runs::Run> Get(absl::string_view name, const runs::RunViewer& viewer,
                                int64_t most_points) override {
    absl::Status held = Hold();
    if (!held.ok()) return held;
    return store_.Get(name, viewer, most_points);
  }
  absl::StatusOr<runs::RunVersion> GetVersion(absl::string_view name,
                                              const runs::RunViewer& viewer) override {
    absl::Status held = Hold();
    if (!held.ok()) return held;
    return store_.GetVersion(name, viewer);
  }
  absl::StatusOr<std::vector<runs::Run>> List(const runs::RunViewer& viewer,
                                              absl::string_view after, int64_t limit) override {
    return store_.List(viewer, after, limit);
  }
  absl::Status Delete(absl::string_view name, const runs::RunViewer& viewer) override {
    return store_.Delete(name, viewer);
  }
  absl::StatusOr<runs::SamplePage> ListSamples(absl::string_view name,
                                               const runs::RunViewer& viewer,
                                               const runs::SampleQuery& query) override {
    return store_.ListSamples(name, viewer, query);
  }
  absl::StatusOr<std::unique_ptr<runs::SampleReader>> OpenSamples(
      absl::string_view name, const runs::RunViewer& viewer) override {
    return store_.OpenSamples(name, viewer);
  }
  runs::StoreUse use() const override { return store_.use(); }
  absl::string_view kind() const override { return "held"; }
  int64_t RecordingBytes(int64_t) const override { return 0; }

  void LetGo() {
    const MutexLock lock(&mutex_);
    let_go_ = true;
  }
  // Waits until so many are held; returns how many are after ten seconds.
  int WaitForHeld(int count) {
    const MutexLock lock(&mutex_);
    const auto are_held = [&] { return held_ >= count; };
    mutex_.AwaitWithTimeout(absl::Condition(&are_held), absl::Seconds(10));
    return held_;
  }
  int WaitForImpatient(int count) {
    const MutexLock lock(&mutex_);
    const auto are_gone = [&] { return impatient_ >= count; };
    mutex_.AwaitWithTimeout(absl::Condition(&are_gone), absl::Seconds(10));
    return impatient_;
  }

 private:
  absl::Status Hold() {
    const MutexLock lock(&mutex_);
    ++held_;
    while (!let_go_) {
      mutex_.AwaitWithTimeout(absl::Condition(&let_go_), absl::Milliseconds(10));
      if (!runs::Patience::IsOver()) continue;
      ++impatient_;
      return absl::CancelledError("nobody waits");
    }
    return absl::OkStatus();
  }

  const Held is_held_;
  runs::MemoryStore store_{runs::MemoryStoreOptions()};
  Mutex mutex_;
  bool let_go_ ABSL_GUARDED_BY(mutex_) = false;
  int held_ ABSL_GUARDED_BY(mutex_) = 0;
  int impatient_ ABSL_GUARDED_BY(mutex_) = 0;
};

class HeldStoreTest : public testing::Test {
 protected:
  static ServerOptions Options(std::shared_ptr<runs::RunStore> store) {
    ServerOptions options;
    options.runs = std::move(store);
    options.threads = 2;
    return options;
  }

  // Ends them before the server.
  ~HeldStoreTest() override {
    store_->LetGo();
    for (std::thread& thread : threads_) thread.join();
  }

  grpc::Status Compute(const v1::ComputeRequest& request,
                       absl::Duration deadline = absl::Seconds(20)) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    v1::ComputeResponse response;
    return server_.stub().Compute(&context, request, &response);
  }

  // Makes calls that the store holds, small ones and such as are computed on workers.
  void Hold(int count) {
    for (int i = 0; i < count; ++i) {
      const auto request = SmallBatch(absl::StrCat("run-", i), 0, i % 2 == 0 ? 4 : 8000);
      threads_.emplace_back([this, request] {
        const grpc::Status answered = Compute(request, absl::Seconds(60));
        EXPECT_TRUE(answered.ok()) << answered.error_message();
      });
    }
  }

  std::shared_ptr<HeldStore> store_ = std::make_shared<HeldStore>();
  TestServer server_{Options(store_)};
  std::vector<std::thread> threads_;
};

TEST_F(HeldStoreTest, CallsWithoutARunAreAnswered) {
  constexpr int kCalls = 12;  // more than there are workers and queues
  Hold(kCalls);
  EXPECT_GE(store_->WaitForHeld(4), 4);
  for (const int64_t samples : {4, 8000}) {
    v1::ComputeRequest request = SmallBatch("", 0, samples);
    const grpc::Status answered = Compute(request);
    EXPECT_TRUE(answered.ok()) << answered.error_message();
  }
}

TEST_F(HeldStoreTest, ADeadlineEndsTheWaitOfTheServerToo) {
  const grpc::Status ended = Compute(SmallBatch("run", 0, 4), absl::Milliseconds(300));
  EXPECT_EQ(ended.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(store_->WaitForImpatient(1), 1);
  store_->LetGo();
  EXPECT_TRUE(Compute(SmallBatch("run", 0, 4)).ok());
}

TEST_F(HeldStoreTest, WhoGoesAwayEndsTheWaitOfARead) {
  const auto stub = v1::RunService::NewStub(server_.channel());
  v1::GetRunRequest request;
  request.set_run("run");
  grpc::ClientContext context;
  std::thread caller([&] {
    v1::GetRunResponse response;
    EXPECT_EQ(stub->GetRun(&context, request, &response).error_code(), grpc::StatusCode::CANCELLED);
  });
  EXPECT_EQ(store_->WaitForHeld(1), 1);
  context.TryCancel();
  caller.join();
  EXPECT_EQ(store_->WaitForImpatient(1), 1);
}

// The batches of a stream are recorded in their order, though they are computed side by side.
TEST_F(HeldStoreTest, AStreamsSmallBatchesAreRecordedInTheirOrder) {
  store_->LetGo();
  constexpr int kBatches = 200;
  grpc::ClientContext context;
  const auto stream = server_.stub().ComputeStream(&context);
  for (int i = 0; i < kBatches; ++i) {
    v1::ComputeStreamRequest request;
    request.set_sequence(static_cast<uint64_t>(i));
    *request.mutable_request() = SmallBatch("run", 0, 2);
    request.mutable_request()->set_request_id(absl::StrCat(i));
    request.mutable_request()->set_step(i);
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  v1::ComputeStreamResponse response;
  int answered = 0;
  while (stream->Read(&response)) answered += response.has_error() ? 0 : 1;
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(answered, kBatches);
  const auto samples = store_->ListSamples("run", {}, {runs::SampleOrder::kHardest, {}, {}, 10});
  ASSERT_TRUE(samples.ok());
  for (const runs::RunSample& sample : samples->samples) {
    EXPECT_EQ(sample.presentations, kBatches);
    EXPECT_EQ(sample.last_step, kBatches - 1);
  }
}

// A batch is counted, and the server stops before its client is told. The client sends it again.
TEST(LostAnswerTest, ARetryToTheNextServerIsAnsweredAndCountedOnce) {
  const auto store = std::make_shared<HeldStore>(Held::kAfterRecording);
  ServerOptions options;
  options.runs = store;
  const v1::ComputeRequest request = SmallBatch("run", 0, 4);
  v1::ComputeStreamRequest streamed;
  *streamed.mutable_request() = SmallBatch("stream", 0, 4);
  const auto compute = [&](TestServer& server, v1::ComputeResponse& response) {
    grpc::ClientContext context;
    return server.stub().Compute(&context, request, &response);
  };
  const auto stream = [&](TestServer& server, v1::ComputeStreamResponse& response) {
    grpc::ClientContext context;
    const auto open = server.stub().ComputeStream(&context);
    open->Write(streamed);
    open->WritesDone();
    return open->Read(&response);
  };
  {
    TestServer server(options);
    std::thread unary([&] {
      v1::ComputeResponse response;
      EXPECT_FALSE(compute(server, response).ok());
    });
    std::thread batch([&] {
      v1::ComputeStreamResponse response;
      EXPECT_FALSE(stream(server, response));
    });
    EXPECT_EQ(store->WaitForHeld(2), 2);
    server.Shutdown(absl::Milliseconds(100));
    unary.join();
    batch.join();
  }
  store->LetGo();
  TestServer server(options);
  for (int i = 0; i < 2; ++i) {
    v1::ComputeResponse response;
    const grpc::Status answered = compute(server, response);
    EXPECT_TRUE(answered.ok()) << answered.error_message();
    EXPECT_EQ(response.valid_count(), 4);
    v1::ComputeStreamResponse answer;
    EXPECT_TRUE(stream(server, answer));
    EXPECT_EQ(answer.response().valid_count(), 4) << answer.error().message();
  }
  for (const std::string run : {"run", "stream"}) {
    EXPECT_EQ(store->Get(run, {}, 512)->presentation_count, 4) << run;
  }
}

}  // namespace
}  // namespace lossd
