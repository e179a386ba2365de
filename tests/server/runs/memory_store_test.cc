#include "server/runs/memory_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/runs/run_oracle.h"

namespace lossd::runs {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A batch of samples with the ids [first, first + count).
OwnedBatch NewSamples(const std::string& run, int64_t first, int64_t count) {
  OwnedBatch batch;
  batch.run = run;
  batch.request_id = absl::StrCat(first);
  for (int64_t i = 0; i < count; ++i) {
    Presentation sample;
    sample.id = first + i;
    sample.true_probability = 0.5;
    batch.samples.push_back(sample);
  }
  return batch;
}

absl::Status Record(RunStore& store, const OwnedBatch& batch) {
  return WithView(batch, [&](const RunBatch& view) { return store.Record(view); });
}

std::vector<std::string> Names(RunStore& store, const std::string& after = "", int64_t limit = 100,
                               const RunViewer& viewer = {}) {
  std::vector<std::string> names;
  const auto runs = store.List(viewer, after, limit);
  EXPECT_TRUE(runs.ok());
  for (const Run& run : *runs) names.push_back(run.name);
  return names;
}

class MemoryStoreTest : public testing::Test {
 protected:
  MemoryStoreOptions Options() {
    MemoryStoreOptions options;
    options.now = [this] { return now_; };
    return options;
  }

  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);
};

TEST_F(MemoryStoreTest, ListsByNameAndDeletes) {
  MemoryStore store(Options());
  for (const char* name : {"b", "a", "c"}) ASSERT_TRUE(Record(store, NewSamples(name, 0, 3)).ok());
  EXPECT_THAT(Names(store), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Names(store, "a", 1), ElementsAre("b"));
  EXPECT_TRUE(store.Delete("b", {}).ok());
  EXPECT_THAT(Names(store), ElementsAre("a", "c"));
  EXPECT_TRUE(absl::IsNotFound(store.Delete("b", {})));
  EXPECT_TRUE(absl::IsNotFound(store.Get("b", {}, 512).status()));
  EXPECT_TRUE(absl::IsNotFound(store.OpenSamples("b", {}).status()));
  EXPECT_TRUE(absl::IsNotFound(store.ListSamples("b", {}, {}).status()));
  ASSERT_TRUE(Record(store, NewSamples("b", 0, 3)).ok());  // It begins anew.
  EXPECT_EQ(store.Get("b", {}, 512)->presentation_count, 3);
}

TEST_F(MemoryStoreTest, TheFirstClassCountAndThresholdHold) {
  MemoryStore store(Options());
  ASSERT_TRUE(Record(store, NewSamples("run", 0, 3)).ok());
  OwnedBatch batch = NewSamples("run", 3, 3);
  batch.class_count = 5;
  const absl::Status classes = Record(store, batch);
  EXPECT_TRUE(absl::IsFailedPrecondition(classes));
  EXPECT_THAT(std::string(classes.message()), HasSubstr("4 classes, and this one has 5"));
  batch.class_count = 4;
  batch.hard_threshold = 0.25;
  const absl::Status threshold = Record(store, batch);
  EXPECT_TRUE(absl::IsFailedPrecondition(threshold));
  EXPECT_THAT(std::string(threshold.message()), HasSubstr("hard_threshold 0.5"));
  EXPECT_EQ(store.Get("run", {}, 512)->sample_count, 3);
}

TEST_F(MemoryStoreTest, ARunBelongsToWhoMadeIt) {
  MemoryStore store(Options());
  OwnedBatch mine = NewSamples("mine", 0, 3);
  mine.owner = "me";
  ASSERT_TRUE(Record(store, mine).ok());
  OwnedBatch theirs = NewSamples("theirs", 0, 3);
  theirs.owner = "they";
  ASSERT_TRUE(Record(store, theirs).ok());

  const RunViewer me = {"me"};
  EXPECT_THAT(Names(store, "", 100, me), ElementsAre("mine"));
  EXPECT_THAT(Names(store, "", 1, RunViewer{"they"}), ElementsAre("theirs"));
  EXPECT_THAT(Names(store), ElementsAre("mine", "theirs"));
  EXPECT_EQ(store.Get("mine", me, 512)->owner, "me");
  EXPECT_TRUE(absl::IsNotFound(store.Get("theirs", me, 512).status()));
  EXPECT_TRUE(absl::IsNotFound(store.GetVersion("theirs", me).status()));
  EXPECT_TRUE(absl::IsNotFound(store.ListSamples("theirs", me, {}).status()));
  EXPECT_TRUE(absl::IsNotFound(store.OpenSamples("theirs", me).status()));
  EXPECT_TRUE(absl::IsNotFound(store.Delete("theirs", me)));
  OwnedBatch intruding = NewSamples("theirs", 3, 3);
  intruding.owner = "me";
  EXPECT_TRUE(absl::IsPermissionDenied(Record(store, intruding)));
  EXPECT_EQ(store.Get("theirs", {}, 512)->sample_count, 3);
  EXPECT_TRUE(store.Delete("theirs", {}).ok());
}

TEST_F(MemoryStoreTest, TheVersionIsAnotherWhenTheRunHasChanged) {
  MemoryStore store(Options());
  const auto record = [&](int64_t first) {
    EXPECT_TRUE(Record(store, NewSamples("run", first, 1)).ok());
    return *store.GetVersion("run", {});
  };
  const RunVersion first = record(0);
  EXPECT_TRUE(record(0) == first);  // A retry changes nothing.
  EXPECT_FALSE(record(1) == first);
  ASSERT_TRUE(store.Delete("run", {}).ok());
  now_ += absl::Nanoseconds(1);
  EXPECT_FALSE(record(0) == first);
}

TEST_F(MemoryStoreTest, StepsAndEpochsThatAreNotGivenAreCounted) {
  MemoryStore store(Options());
  OwnedBatch batch = NewSamples("run", 0, 2);
  for (int i = 0; i < 3; ++i) {
    batch.request_id = absl::StrCat(i);
    ASSERT_TRUE(Record(store, batch).ok());
    ASSERT_TRUE(Record(store, batch).ok());  // A retry is no step.
  }
  const auto run = store.Get("run", {}, 512);
  ASSERT_EQ(run->points.size(), 3);
  EXPECT_EQ(run->points[2].first_step, 2);
  EXPECT_EQ(run->points[2].epoch, 3);
}

TEST_F(MemoryStoreTest, TheOldestRunsAreLetGoForOthers) {
  MemoryStoreOptions options = Options();
  options.max_bytes = 1700 << 10;
  MemoryStore store(options);
  for (const char* name : {"first", "second"}) {
    ASSERT_TRUE(Record(store, NewSamples(name, 0, 5000)).ok());
    now_ += absl::Seconds(1);
  }
  ASSERT_TRUE(Record(store, NewSamples("first", 5000, 10)).ok());  // Newer than the second now.
  now_ += absl::Seconds(1);
  ASSERT_TRUE(Record(store, NewSamples("third", 0, 10000)).ok());
  EXPECT_THAT(Names(store), ElementsAre("first", "third"));
  EXPECT_EQ(store.use().dropped_runs, 1);
  EXPECT_LE(store.use().bytes, options.max_bytes);
}

TEST_F(MemoryStoreTest, ARunThatIsTooLargeIsRefusedAndStaysWhatItIs) {
  MemoryStoreOptions options = Options();
  options.max_bytes = 2 << 20;
  MemoryStore store(options);
  ASSERT_TRUE(Record(store, NewSamples("other", 0, 10)).ok());
  int64_t taken = 0;
  absl::Status last;
  for (int64_t first = 0; last.ok() && first < 100'000; first += 1000) {
    last = Record(store, NewSamples("run", first, 1000));
    if (last.ok()) taken += 1000;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(last)) << last;
  EXPECT_GE(taken, 15'000);
  EXPECT_LE(store.use().bytes, options.max_bytes);
  EXPECT_EQ(store.Get("run", {}, 512)->presentation_count, taken);
  OwnedBatch again = NewSamples("run", 0, 1000);
  again.request_id = "known samples";
  EXPECT_TRUE(Record(store, again).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Record(store, NewSamples("huge", 0, 30'000))));
  EXPECT_THAT(Names(store), ElementsAre("run"));  // The huge one could not be had for any other.
}

TEST_F(MemoryStoreTest, RunsOfWhichNothingIsHeardAreLetGo) {
  MemoryStoreOptions options = Options();
  options.max_age = absl::Hours(1);
  MemoryStore store(options);
  ASSERT_TRUE(Record(store, NewSamples("old", 0, 3)).ok());
  now_ += absl::Minutes(50);
  ASSERT_TRUE(Record(store, NewSamples("new", 0, 3)).ok());
  now_ += absl::Minutes(11);
  EXPECT_THAT(Names(store), ElementsAre("new"));
  EXPECT_EQ(store.use().dropped_runs, 1);
  EXPECT_EQ(store.use().runs, 1);
}

TEST_F(MemoryStoreTest, ASampleTakesFewerThan130Bytes) {
  MemoryStoreOptions options = Options();
  options.max_bytes = int64_t{1} << 40;
  MemoryStore store(options);
  constexpr int64_t kSamples = 300'000;
  for (int64_t first = 0; first < kSamples; first += 10'000) {
    ASSERT_TRUE(Record(store, NewSamples("run", first, 10'000)).ok());
  }
  EXPECT_LT(store.use().bytes, kSamples * 130);
}

}  // namespace
}  // namespace lossd::runs
