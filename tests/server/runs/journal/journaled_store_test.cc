#include "server/runs/journal/journaled_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/runs/journal/run_view.h"
#include "server/runs/patience.h"
#include "server/threads/mutex.h"
#include "tests/server/runs/same_runs.h"

namespace lossd::runs {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMostBatchBytes = 10'000;

// A journal of one run, whose batches nobody can read.
class FullJournal final : public RunJournal {
 public:
  absl::StatusOr<int64_t> Append(const NewBatch& batch) override {
    const MutexLock lock(&mutex_);
    if (!run_) {
      run_.emplace();
      run_->name = std::string(batch.run);
      run_->id = ++ids_;
      run_->kind = batch.kind;
    }
    ++run_->batch_count;
    run_->update_time = batch.time;
    return run_->waiting_bytes = int64_t{1} << 30;
  }
  int64_t most_batch_bytes() const override { return kMostBatchBytes; }
  absl::StatusOr<JournaledRun> Find(absl::string_view name) override {
    const MutexLock lock(&mutex_);
    if (!run_ || run_->name != name) return absl::NotFoundError("there is none");
    return *run_;
  }
  absl::StatusOr<std::vector<JournaledRun>> List(absl::string_view after,
                                                 int64_t /*limit*/) override {
    const MutexLock lock(&mutex_);
    std::vector<JournaledRun> runs;
    if (run_ && run_->name > after) runs.push_back(*run_);
    return runs;
  }
  absl::Status Delete(const JournaledRun& /*run*/) override {
    const MutexLock lock(&mutex_);
    run_.reset();
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<JournaledBatch>> ReadBatches(const JournaledRun& /*run*/,
                                                          int64_t /*after*/,
                                                          int64_t /*most_bytes*/) override {
    return absl::UnavailableError("the test says so");
  }
  absl::StatusOr<std::string> ReadState(const JournaledRun& /*run*/,
                                        int64_t /*most_bytes*/) override {
    return "";
  }
  absl::Status ReadChunks(const JournaledRun& /*run*/,
                          absl::FunctionRef<absl::Status(const RecordChunk&)> /*show*/) override {
    return Patience::IsOver() ? absl::CancelledError("nobody waits") : absl::OkStatus();
  }
  absl::Status Write(const JournaledRun& /*run*/, const SnapshotPart& /*part*/) override {
    return absl::UnavailableError("the test says so");
  }

  // As if another process had folded the run.
  void Trim() {
    const MutexLock lock(&mutex_);
    run_->waiting_bytes = 0;
  }

 private:
  Mutex mutex_;
  uint64_t ids_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<JournaledRun> run_ ABSL_GUARDED_BY(mutex_);
};

class JournaledStoreTest : public testing::Test {
 protected:
  static JournaledStoreOptions Options() {
    JournaledStoreOptions options;
    options.kind = "a test";
    options.max_bytes = int64_t{1} << 40;
    return options;
  }

  FullJournal* const journal_ = new FullJournal;
  JournaledStore store_{std::unique_ptr<RunJournal>(journal_), Options()};
};

TEST_F(JournaledStoreTest, ABatchWaitsForAShortTimeWhileARunIsNotFolded) {
  ASSERT_TRUE(RecordTo(store_, NewSamples("run", 0, 3)).ok());
  const absl::Time begin = absl::Now();
  const absl::Status refused = RecordTo(store_, NewSamples("run", 3, 3));
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("not folded yet"));
  EXPECT_LT(absl::Now() - begin, absl::Seconds(8));
  journal_->Trim();
  EXPECT_TRUE(RecordTo(store_, NewSamples("run", 3, 3)).ok());
}

TEST_F(JournaledStoreTest, ABatchThatNobodyWaitsForIsCancelled) {
  ASSERT_TRUE(RecordTo(store_, NewSamples("run", 0, 3)).ok());
  const Patience patience([] { return true; });
  const absl::Status ended = RecordTo(store_, NewSamples("run", 3, 3));
  EXPECT_TRUE(absl::IsCancelled(ended)) << ended;
}

// Else a run whose snapshot takes longer than its callers wait would never be read.
TEST(RunViewTest, ASnapshotIsReadToItsEndThoughNobodyWaits) {
  FullJournal journal;
  RunView view(journal, 1);
  JournaledRun run;
  run.id = 1;
  run.kind.class_count = 2;
  const Patience patience([] { return true; });
  const absl::Status read = view.CatchUp(run);
  EXPECT_TRUE(read.ok()) << read;
  EXPECT_TRUE(view.Totals().ok());
}

TEST_F(JournaledStoreTest, NothingWaitsForBatchesOfADeletedRun) {
  ASSERT_TRUE(RecordTo(store_, NewSamples("run", 0, 3)).ok());
  ASSERT_TRUE(store_.Delete("run", {}).ok());
  EXPECT_TRUE(RecordTo(store_, NewSamples("run", 0, 3)).ok());
}

TEST_F(JournaledStoreTest, ABatchThatNoJournalTakesIsRefused) {
  const absl::Status refused = RecordTo(store_, NewSamples("run", 0, 2000));
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("at most 10000"));
  EXPECT_TRUE(absl::IsNotFound(store_.Get("run", {}, 512).status()));
}

}  // namespace
}  // namespace lossd::runs
