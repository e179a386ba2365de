#include "tests/server/runs/journal/journal_contract_test.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/runs/journal/journaled_store.h"
#include "server/runs/memory_store.h"
#include "tests/server/runs/run_oracle.h"
#include "tests/server/runs/same_runs.h"

namespace lossd::runs {
namespace {

constexpr int64_t kRequestIds = 1000;

// A journal that asks before it writes a part of a snapshot.
class AskingJournal final : public RunJournal {
 public:
  using Ask = std::function<absl::Status(int64_t part)>;

  AskingJournal(std::unique_ptr<RunJournal> journal, Ask ask)
      : journal_(std::move(journal)), ask_(std::move(ask)) {}

  absl::StatusOr<int64_t> Append(const NewBatch& batch) override { return journal_->Append(batch); }
  int64_t most_batch_bytes() const override { return journal_->most_batch_bytes(); }
  absl::StatusOr<JournaledRun> Find(absl::string_view name) override {
    return journal_->Find(name);
  }
  absl::StatusOr<std::vector<JournaledRun>> List(absl::string_view after, int64_t limit) override {
    return journal_->List(after, limit);
  }
  absl::Status Delete(const JournaledRun& run) override { return journal_->Delete(run); }
  absl::StatusOr<std::vector<JournaledBatch>> ReadBatches(const JournaledRun& run, int64_t after,
                                                          int64_t most_bytes) override {
    return journal_->ReadBatches(run, after, most_bytes);
  }
  absl::StatusOr<std::string> ReadState(const JournaledRun& run, int64_t most_bytes) override {
    auto state = journal_->ReadState(run, most_bytes);
    if (state.ok()) read_bytes_ += static_cast<int64_t>(state->size());
    return state;
  }
  absl::Status ReadChunks(const JournaledRun& run,
                          absl::FunctionRef<absl::Status(const RecordChunk&)> show) override {
    return journal_->ReadChunks(run, [&](const RecordChunk& chunk) {
      read_bytes_ += static_cast<int64_t>(chunk.records.size());
      return show(chunk);
    });
  }
  absl::Status Write(const JournaledRun& run, const SnapshotPart& part) override {
    const absl::Status may = ask_(++parts_);
    return may.ok() ? journal_->Write(run, part) : may;
  }

  // Returns how many bytes of snapshots were read.
  int64_t read_bytes() const { return read_bytes_; }

 private:
  const std::unique_ptr<RunJournal> journal_;
  const Ask ask_;
  int64_t parts_ = 0;
  std::atomic<int64_t> read_bytes_ = 0;
};

JournaledStoreOptions SmallParts() {
  JournaledStoreOptions options;
  options.part_bytes = 1;
  // The tests fold.
  options.fold_delay = absl::InfiniteDuration();
  return options;
}

// Batches for a store and for one that is always right.
class Recorder {
 public:
  explicit Recorder(uint64_t seed) : random_(seed) {}

  // Records batches, with ever more samples.
  void Record(RunStore& store, int count) {
    for (int i = 0; i < count; ++i, ++step_) {
      constexpr int64_t kFirstIds = 500;
      constexpr int64_t kMoreIds = 60;
      OwnedBatch batch = RandomBatch(random_, 200, kFirstIds + kMoreIds * step_);
      batch.request_id = absl::StrCat(step_);
      ASSERT_TRUE(RecordTo(store, batch).ok());
      ASSERT_TRUE(RecordTo(same_, batch).ok());
    }
  }
  RunStore& same() { return same_; }

 private:
  std::mt19937_64 random_;
  MemoryStore same_{{}};
  int64_t step_ = 0;
};

void ExpectSameSummary(const Run& listed, const Run& run) {
  EXPECT_EQ(listed.name, run.name);
  EXPECT_EQ(listed.create_time, run.create_time);
  EXPECT_EQ(listed.update_time, run.update_time);
  EXPECT_EQ(listed.first_step, run.first_step);
  EXPECT_EQ(listed.last_step, run.last_step);
  EXPECT_EQ(listed.sample_count, run.sample_count);
  EXPECT_EQ(listed.presentation_count, run.presentation_count);
  EXPECT_EQ(listed.non_finite_count, run.non_finite_count);
  EXPECT_EQ(listed.never_learned_count, run.never_learned_count);
  EXPECT_EQ(listed.hard_threshold, run.hard_threshold);
  EXPECT_EQ(listed.map, run.map);
  EXPECT_EQ(listed.forgetting, run.forgetting);
}

OwnedBatch BatchOf(int64_t step) {
  std::mt19937_64 random(static_cast<uint64_t>(step));
  OwnedBatch batch = RandomBatch(random, 100, 3000);
  batch.request_id = absl::StrCat("request ", step);
  return batch;
}

TEST_P(JournalContractTest, ASnapshotThatIsCutShortLosesAndRepeatsNothing) {
  // The part that fails, and the part before which more is recorded and read.
  for (const auto& [failing, growing] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {6, 2}, {7, 5}, {8, 2}, {9, 4}, {20, 2}}) {
    SCOPED_TRACE(absl::StrCat("part ", failing));
    const auto place = GetParam()();
    Recorder recorder(static_cast<uint64_t>(failing));
    {
      JournaledStore store(place->Open(kRequestIds), SmallParts());
      recorder.Record(store, 10);
      store.FoldAll();
      recorder.Record(store, 3);
    }
    {
      JournaledStore* asked = nullptr;
      const auto ask = [&, fails = failing, grows = growing](int64_t part) {
        if (part == grows) {
          recorder.Record(*asked, 5);
          EXPECT_TRUE(asked->ListSamples("run", {}, {SampleOrder::kHardest, {}, {}, 1}).ok());
        }
        return part < fails ? absl::OkStatus() : absl::UnavailableError("the test says so");
      };
      JournaledStore store(std::make_unique<AskingJournal>(place->Open(kRequestIds), ask),
                           SmallParts());
      asked = &store;
      recorder.Record(store, 2);
      store.FoldAll();
      ExpectSameRun(store, recorder.same(), "run");
    }
    JournaledStore store(place->Open(kRequestIds), SmallParts());
    ExpectSameRun(store, recorder.same(), "run");
    recorder.Record(store, 3);
    ExpectSameRun(store, recorder.same(), "run");
    store.FoldAll();
    ExpectSameRun(store, recorder.same(), "run");
    recorder.Record(store, 1);
    ExpectSameRun(store, recorder.same(), "run");
  }
}

TEST_P(JournalContractTest, RunsAndRequestsOutliveTheStore) {
  constexpr int64_t kBatches = 10;
  MemoryStore same({});
  absl::Time create_time;
  for (int64_t first = 0; first < 50; first += kBatches) {
    JournaledStore store(place_->Open(kRequestIds), SmallParts());
    // The last ones are sent again.
    for (int64_t step = std::max<int64_t>(0, first - kBatches); step < first + kBatches; ++step) {
      ASSERT_TRUE(RecordTo(store, BatchOf(step)).ok());
      ASSERT_TRUE(RecordTo(same, BatchOf(step)).ok());
    }
    if (first % 20 == 0) ExpectSameRun(store, same, "run");
    const auto run = store.Get("run", {}, 512);
    ASSERT_TRUE(run.ok()) << run.status();
    if (first == 0) create_time = run->create_time;
    EXPECT_EQ(run->create_time, create_time);
  }
  JournaledStore store(place_->Open(kRequestIds), SmallParts());
  ExpectSameRun(store, same, "run");
}

TEST_P(JournalContractTest, AFoldedRunIsTheSameAfterwards) {
  Recorder recorder(77);
  for (int i = 0; i < 3; ++i) {
    JournaledStore store(place_->Open(kRequestIds), SmallParts());
    recorder.Record(store, 5);
    store.FoldAll();
    EXPECT_TRUE(store.Get("run", {}, 512).ok());
  }
  const auto journal = place_->Open(kRequestIds);
  const auto run = journal->Find("run");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->batch_count, 15);
  EXPECT_EQ(run->folded, 15);
  EXPECT_EQ(run->trimmed, 15);
  EXPECT_EQ(run->waiting_bytes, 0);
}

// A run of many points and classes, as it is listed by a store that has not seen it yet.
TEST_P(JournalContractTest, ListingReadsLittleOfARun) {
  constexpr int64_t kSteps = 300;
  {
    JournaledStore store(place_->Open(kRequestIds), SmallParts());
    for (int64_t step = 0; step < kSteps; ++step) ASSERT_TRUE(RecordTo(store, BatchOf(step)).ok());
    store.FoldAll();
  }
  auto* const journal =
      new AskingJournal(place_->Open(kRequestIds), [](int64_t) { return absl::OkStatus(); });
  JournaledStore store(std::unique_ptr<RunJournal>(journal), SmallParts());
  const auto listed = store.List({}, "", 10);
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_LT(journal->read_bytes(), 4096);
  const auto run = store.Get("run", {}, 512);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_GT(journal->read_bytes(), 20'000);  // the curve
  ExpectSameSummary(listed->front(), *run);
  // What was recorded since is listed, too.
  ASSERT_TRUE(RecordTo(store, BatchOf(kSteps)).ok());
  const auto more = store.List({}, "", 10);
  ASSERT_TRUE(more.ok()) << more.status();
  ASSERT_EQ(more->size(), 1U);
  ExpectSameSummary(more->front(), *store.Get("run", {}, 512));
  EXPECT_GT(more->front().presentation_count, run->presentation_count);
}

TEST_P(JournalContractTest, ADeletedRunLeavesNothingToTheNextOfItsName) {
  Recorder first(5);
  Recorder second(6);
  JournaledStore store(place_->Open(kRequestIds), SmallParts());
  first.Record(store, 10);
  store.FoldAll();
  first.Record(store, 2);
  ASSERT_TRUE(store.Delete("run", {}).ok());
  second.Record(store, 2);
  ExpectSameRun(store, second.same(), "run");
  store.FoldAll();
  second.Record(store, 1);
  ExpectSameRun(store, second.same(), "run");
}

// Records batches from `first` on, and folds now and then, until it is killed. Writes a byte for
// each that is recorded.
[[noreturn]] void RecordUntilKilled(JournalPlace& place, int64_t first, int acknowledge) {
  JournaledStore store(place.Open(kRequestIds), SmallParts());
  for (int64_t step = first;; ++step) {
    const bool recorded = RecordTo(store, BatchOf(step)).ok();
    const char byte = recorded ? 1 : 0;
    if (write(acknowledge, &byte, 1) != 1) _exit(1);
    if (step % 7 == 0) store.FoldAll();
  }
}

// Kills a process that records after so many batches and some time. Returns how many were recorded
// as it said.
int64_t KillAfter(JournalPlace& place, int64_t first, int64_t batches, absl::Duration time) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) RecordUntilKilled(place, first, ends[1]);
  close(ends[1]);
  int64_t recorded = 0;
  char byte = 0;
  while (recorded < batches && read(ends[0], &byte, 1) == 1) {
    EXPECT_EQ(byte, 1);
    ++recorded;
  }
  absl::SleepFor(time);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  while (read(ends[0], &byte, 1) == 1) ++recorded;
  close(ends[0]);
  return recorded;
}

TEST_P(JournalContractTest, AProcessThatIsKilledLosesAndRepeatsNothing) {
  std::mt19937_64 random(8);
  int64_t next = 0;
  for (int kills = 0; kills < 5; ++kills) {
    const auto batches = static_cast<int64_t>(random() % 20 + 5);
    const auto time = absl::Microseconds(static_cast<int64_t>(random() % 3000));
    // What was recorded last is sent again: its client may not know.
    const int64_t first = std::max<int64_t>(0, next - 3);
    next = first + KillAfter(*place_, first, batches, time);
  }
  MemoryStore same({});
  JournaledStore store(place_->Open(kRequestIds), SmallParts());
  ASSERT_TRUE(RecordTo(store, BatchOf(next)).ok());
  for (int64_t step = 0; step <= next; ++step) ASSERT_TRUE(RecordTo(same, BatchOf(step)).ok());
  ExpectSameRun(store, same, "run");
}

}  // namespace
}  // namespace lossd::runs
