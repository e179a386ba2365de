#include "tests/server/runs/store_contract_test.h"

#include <gmock/gmock.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/runs/memory_store.h"
#include "tests/server/runs/run_oracle.h"
#include "tests/server/runs/same_runs.h"

namespace lossd::runs {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

StoreOptions StoreContractTest::Options() {
  StoreOptions options;
  options.now = [this] { return absl::FromUnixNanos(now_); };
  return options;
}

namespace {

std::vector<std::string> Names(RunStore& store, const std::string& after = "", int64_t limit = 100,
                               const RunViewer& viewer = {}) {
  std::vector<std::string> names;
  const auto runs = store.List(viewer, after, limit);
  EXPECT_TRUE(runs.ok());
  for (const Run& run : *runs) names.push_back(run.name);
  return names;
}

// Returns what f() is once it is `expected`; what it is in the end if it is not.
template <typename F, typename T>
T Await(F f, const T& expected) {
  constexpr absl::Duration kLongest = absl::Seconds(20);
  const absl::Time end = absl::Now() + kLongest;
  T value = f();
  while (value != expected && absl::Now() < end) {
    absl::SleepFor(absl::Milliseconds(20));
    value = f();
  }
  return value;
}

TEST_P(StoreContractTest, ListsByNameAndDeletes) {
  const auto store = Open(Options());
  for (const char* name : {"b", "a", "c"})
    ASSERT_TRUE(RecordTo(*store, NewSamples(name, 0, 3)).ok());
  const auto reader = store->OpenSamples("b", {});
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->Read(2)->size(), 2);
  EXPECT_THAT(Names(*store), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Names(*store, "a", 1), ElementsAre("b"));
  EXPECT_TRUE(store->Delete("b", {}).ok());
  EXPECT_THAT(Names(*store), ElementsAre("a", "c"));
  EXPECT_TRUE(absl::IsNotFound(store->Delete("b", {})));
  EXPECT_TRUE(absl::IsNotFound((*reader)->Read(2).status()));
  EXPECT_TRUE(absl::IsNotFound(store->Get("b", {}, 512).status()));
  EXPECT_TRUE(absl::IsNotFound(store->OpenSamples("b", {}).status()));
  EXPECT_TRUE(absl::IsNotFound(store->ListSamples("b", {}, {}).status()));
  ASSERT_TRUE(RecordTo(*store, NewSamples("b", 0, 3)).ok());  // It begins anew.
  EXPECT_EQ(store->Get("b", {}, 512)->presentation_count, 3);
}

TEST_P(StoreContractTest, TheFirstClassCountAndThresholdHold) {
  const auto store = Open(Options());
  ASSERT_TRUE(RecordTo(*store, NewSamples("run", 0, 3)).ok());
  OwnedBatch batch = NewSamples("run", 3, 3);
  batch.class_count = 5;
  const absl::Status classes = RecordTo(*store, batch);
  EXPECT_TRUE(absl::IsFailedPrecondition(classes));
  EXPECT_THAT(std::string(classes.message()), HasSubstr("4 classes, and this one has 5"));
  batch.class_count = 4;
  batch.hard_threshold = 0.25;
  const absl::Status threshold = RecordTo(*store, batch);
  EXPECT_TRUE(absl::IsFailedPrecondition(threshold));
  EXPECT_THAT(std::string(threshold.message()), HasSubstr("hard_threshold 0.5"));
  EXPECT_EQ(store->Get("run", {}, 512)->sample_count, 3);
}

TEST_P(StoreContractTest, ARunBelongsToWhoMadeIt) {
  const auto store = Open(Options());
  OwnedBatch mine = NewSamples("mine", 0, 3);
  mine.owner = "me";
  ASSERT_TRUE(RecordTo(*store, mine).ok());
  OwnedBatch theirs = NewSamples("theirs", 0, 3);
  theirs.owner = "they";
  ASSERT_TRUE(RecordTo(*store, theirs).ok());

  const RunViewer me = {"me"};
  EXPECT_THAT(Names(*store, "", 100, me), ElementsAre("mine"));
  EXPECT_THAT(Names(*store, "", 1, RunViewer{"they"}), ElementsAre("theirs"));
  EXPECT_THAT(Names(*store), ElementsAre("mine", "theirs"));
  EXPECT_EQ(store->Get("mine", me, 512)->owner, "me");
  EXPECT_TRUE(absl::IsNotFound(store->Get("theirs", me, 512).status()));
  EXPECT_TRUE(absl::IsNotFound(store->GetVersion("theirs", me).status()));
  EXPECT_TRUE(absl::IsNotFound(store->ListSamples("theirs", me, {}).status()));
  EXPECT_TRUE(absl::IsNotFound(store->OpenSamples("theirs", me).status()));
  EXPECT_TRUE(absl::IsNotFound(store->Delete("theirs", me)));
  OwnedBatch intruding = NewSamples("theirs", 3, 3);
  intruding.owner = "me";
  EXPECT_TRUE(absl::IsPermissionDenied(RecordTo(*store, intruding)));
  EXPECT_EQ(store->Get("theirs", {}, 512)->sample_count, 3);
  EXPECT_TRUE(store->Delete("theirs", {}).ok());
}

TEST_P(StoreContractTest, TheVersionIsAnotherWhenTheRunHasChanged) {
  const auto store = Open(Options());
  const auto record = [&](int64_t first) {
    EXPECT_TRUE(RecordTo(*store, NewSamples("run", first, 1)).ok());
    return *store->GetVersion("run", {});
  };
  const RunVersion first = record(0);
  EXPECT_TRUE(record(0) == first);  // A retry changes nothing.
  EXPECT_FALSE(record(1) == first);
  ASSERT_TRUE(store->Delete("run", {}).ok());
  Advance(absl::Nanoseconds(1));
  EXPECT_FALSE(record(0) == first);
}

TEST_P(StoreContractTest, StepsAndEpochsThatAreNotGivenAreCounted) {
  const auto store = Open(Options());
  OwnedBatch batch = NewSamples("run", 0, 2);
  for (int i = 0; i < 3; ++i) {
    batch.request_id = absl::StrCat(i);
    ASSERT_TRUE(RecordTo(*store, batch).ok());
    ASSERT_TRUE(RecordTo(*store, batch).ok());  // A retry is no step.
  }
  const auto run = store->Get("run", {}, 512);
  ASSERT_EQ(run->points.size(), 3);
  EXPECT_EQ(run->points[2].first_step, 2);
  EXPECT_EQ(run->points[2].epoch, 3);
}

TEST_P(StoreContractTest, TheOldestRunsAreLetGoForOthers) {
  StoreOptions options = Options();
  options.max_bytes = 1700 << 10;
  const auto store = Open(options);
  for (const char* name : {"first", "second"}) {
    ASSERT_TRUE(RecordTo(*store, NewSamples(name, 0, 5000)).ok());
    Advance(absl::Seconds(1));
  }
  ASSERT_TRUE(RecordTo(*store, NewSamples("first", 5000, 10)).ok());  // Newer than the second now.
  Advance(absl::Seconds(1));
  ASSERT_TRUE(RecordTo(*store, NewSamples("third", 0, 10000)).ok());
  EXPECT_THAT(Names(*store), ElementsAre("first", "third"));
  EXPECT_EQ(store->use().dropped_runs, 1);
  EXPECT_LE(store->use().bytes, options.max_bytes);
}

TEST_P(StoreContractTest, NoRunGoesForABatchThatItsOwnDoesNotTake) {
  StoreOptions options = Options();
  options.max_bytes = 2 << 20;
  const auto store = Open(options);
  ASSERT_TRUE(RecordTo(*store, NewSamples("old", 0, 6000)).ok());
  Advance(absl::Seconds(1));
  OwnedBatch theirs = NewSamples("theirs", 0, 3);
  theirs.owner = "they";
  ASSERT_TRUE(RecordTo(*store, theirs).ok());
  OwnedBatch intruding = NewSamples("theirs", 3, 18'000);
  intruding.owner = "me";
  EXPECT_TRUE(absl::IsPermissionDenied(RecordTo(*store, intruding)));
  intruding.owner = "they";
  intruding.class_count = 5;
  EXPECT_TRUE(absl::IsFailedPrecondition(RecordTo(*store, intruding)));
  EXPECT_THAT(Names(*store), ElementsAre("old", "theirs"));
}

TEST_P(StoreContractTest, AThresholdOfMinusZeroIsZero) {
  const auto store = Open(Options());
  OwnedBatch batch = NewSamples("run", 0, 3);
  batch.hard_threshold = -0.0;
  ASSERT_TRUE(RecordTo(*store, batch).ok());
  batch = NewSamples("run", 3, 3);
  batch.hard_threshold = 0;
  const absl::Status recorded = RecordTo(*store, batch);
  EXPECT_TRUE(recorded.ok()) << recorded;
}

TEST_P(StoreContractTest, ARunThatIsTooLargeIsRefusedAndStaysWhatItIs) {
  StoreOptions options = Options();
  options.max_bytes = 2 << 20;
  const auto store = Open(options);
  ASSERT_TRUE(RecordTo(*store, NewSamples("other", 0, 10)).ok());
  int64_t taken = 0;
  absl::Status last;
  for (int64_t first = 0; last.ok() && first < 100'000; first += 1000) {
    last = RecordTo(*store, NewSamples("run", first, 1000));
    if (last.ok()) taken += 1000;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(last)) << last;
  EXPECT_GE(taken, 15'000);
  EXPECT_LE(store->use().bytes, options.max_bytes);
  EXPECT_EQ(store->Get("run", {}, 512)->presentation_count, taken);
  OwnedBatch again = NewSamples("run", 0, 1000);
  again.request_id = "known samples";
  EXPECT_TRUE(RecordTo(*store, again).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(RecordTo(*store, NewSamples("huge", 0, 30'000))));
  // The huge one could not be had for any other.
  EXPECT_THAT(Names(*store), AllOf(Contains("run"), Not(Contains("huge"))));
}

TEST_P(StoreContractTest, RunsOfWhichNothingIsHeardAreLetGo) {
  StoreOptions options = Options();
  options.max_age = absl::Hours(1);
  const auto store = Open(options);
  ASSERT_TRUE(RecordTo(*store, NewSamples("old", 0, 3)).ok());
  Advance(absl::Minutes(50));
  ASSERT_TRUE(RecordTo(*store, NewSamples("new", 0, 3)).ok());
  Advance(absl::Minutes(11));
  const std::vector<std::string> expected = {"new"};
  EXPECT_EQ(Await([&] { return Names(*store); }, expected), expected);
  EXPECT_EQ(Await([&] { return store->use().dropped_runs; }, uint64_t{1}), 1);
  EXPECT_EQ(Await([&] { return store->use().runs; }, int64_t{1}), 1);
}

// Random batches, and again some that the run remembers.
void RecordRandom(std::mt19937_64& random, int64_t first, int64_t last, RunStore& store,
                  RunStore& same) {
  for (int64_t step = first; step < last; ++step) {
    OwnedBatch batch = RandomBatch(random, 300, 2000);
    batch.request_id = absl::StrCat("request ", step);
    if (step % 2 == 0) batch.learning_rate = 0.1 * static_cast<double>(step);
    if (step % 3 == 0) batch.epoch = step;
    ASSERT_TRUE(RecordTo(store, batch).ok());
    ASSERT_TRUE(RecordTo(same, batch).ok());
    for (const int64_t again : {step, step / 2}) {
      OwnedBatch other = RandomBatch(random, 10, 2000);
      other.request_id = absl::StrCat("request ", again);
      ASSERT_TRUE(RecordTo(store, other).ok());
    }
  }
}

TEST_P(StoreContractTest, SaysToTheLastBitWhatAMemoryStoreSays) {
  std::mt19937_64 random(31);
  const auto store = Open(Options());
  MemoryStore same({});
  for (int64_t step = 0; step < 100; step += 20) {
    RecordRandom(random, step, step + 20, *store, same);
    ExpectSameRun(*store, same, "run");
  }
}

TEST_P(StoreContractTest, TheNewestRequestsAreRemembered) {
  StoreOptions options = Options();
  options.request_ids = 10;
  auto store = Open(options);
  const auto record = [&](int64_t request) {
    OwnedBatch batch = NewSamples("run", 0, 1);
    batch.request_id = absl::StrCat(request);
    EXPECT_TRUE(RecordTo(*store, batch).ok());
    return store->Get("run", {}, 512)->presentation_count;
  };
  for (int64_t request = 0; request < 25; ++request) EXPECT_EQ(record(request), request + 1);
  if (place_->Outlives()) {
    store = nullptr;
    store = Open(options);
  }
  for (int64_t request = 15; request < 25; ++request) EXPECT_EQ(record(request), 25);
  EXPECT_EQ(record(14), 26);
}

TEST_P(StoreContractTest, WorkersOnSeveralRunsAddUp) {
  const auto store = Open(Options());
  constexpr int kWorkers = 4;
  constexpr int kBatches = 30;
  std::vector<std::thread> threads;
  for (int worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([&, worker] {
      for (int i = 0; i < kBatches; ++i) {
        OwnedBatch batch = NewSamples(absl::StrCat("run", worker % 2), i * 10, 10);
        batch.request_id = absl::StrCat(worker, "/", i);
        EXPECT_TRUE(RecordTo(*store, batch).ok());
        if (i % 10 == 0) {
          EXPECT_TRUE(store->Get(batch.run, {}, 512).ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const char* name : {"run0", "run1"}) {
    const auto run = store->Get(name, {}, 512);
    ASSERT_TRUE(run.ok()) << run.status();
    EXPECT_EQ(run->presentation_count, kWorkers / 2 * kBatches * 10);
    EXPECT_EQ(run->sample_count, kBatches * 10);
    for (const auto& [id, sample] : SamplesOf(*store, name)) {
      EXPECT_EQ(sample.presentations, kWorkers / 2);
    }
  }
}

}  // namespace
}  // namespace lossd::runs
