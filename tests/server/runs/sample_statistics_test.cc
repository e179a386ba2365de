#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/runs/memory_store.h"
#include "tests/server/runs/run_oracle.h"

namespace lossd::runs {
namespace {

constexpr double kTolerance = 1e-12;

std::map<int64_t, RunSample> ReadAll(RunStore& store, const std::string& run) {
  const auto reader = store.OpenSamples(run, {});
  EXPECT_TRUE(reader.ok()) << reader.status();
  std::map<int64_t, RunSample> samples;
  if (!reader.ok()) return samples;
  while (true) {
    const auto read = (*reader)->Read(100);
    EXPECT_TRUE(read.ok()) << read.status();
    if (!read.ok() || read->empty()) return samples;
    for (const RunSample& sample : *read) {
      EXPECT_TRUE(samples.emplace(sample.id, sample).second) << sample.id << " came twice";
    }
  }
}

void ExpectSame(const RunSample& actual, const RunSample& expected) {
  SCOPED_TRACE(absl::StrCat("sample ", expected.id));
  EXPECT_EQ(actual.label, expected.label);
  EXPECT_EQ(actual.class_id, expected.class_id);
  EXPECT_EQ(actual.presentations, expected.presentations);
  EXPECT_NEAR(actual.mean_true_probability, expected.mean_true_probability, kTolerance);
  EXPECT_NEAR(actual.true_probability_deviation, expected.true_probability_deviation, kTolerance);
  EXPECT_NEAR(actual.mean_loss, expected.mean_loss, kTolerance * (1 + expected.mean_loss));
  EXPECT_NEAR(actual.mean_margin, expected.mean_margin, kTolerance * 10);
  EXPECT_NEAR(actual.correctness, expected.correctness, kTolerance);
  EXPECT_EQ(actual.forgetting_events, expected.forgetting_events);
  EXPECT_EQ(actual.learned_at, expected.learned_at);
  EXPECT_EQ(actual.turned_easy, expected.turned_easy);
  EXPECT_EQ(actual.turned_hard, expected.turned_hard);
  EXPECT_EQ(actual.last_true_probability, expected.last_true_probability);
  EXPECT_EQ(actual.last_step, expected.last_step);
}

CartographyMap MapOf(const std::map<int64_t, RunSample>& samples) {
  CartographyMap map = {};
  for (const auto& [id, sample] : samples) {
    const auto part = [](double value) {
      return std::min<size_t>(kMapSide - 1, static_cast<size_t>(std::floor(value * kMapSide)));
    };
    ++map[part(sample.mean_true_probability) * kMapSide +
          part(sample.true_probability_deviation * 2)];
  }
  return map;
}

ForgettingHistogram ForgettingOf(const std::map<int64_t, RunSample>& samples) {
  ForgettingHistogram histogram = {};
  for (const auto& [id, sample] : samples) {
    if (!sample.learned_at) continue;
    ++histogram[static_cast<size_t>(std::min<int64_t>(10, sample.forgetting_events))];
  }
  return histogram;
}

TEST(SampleStatisticsTest, EqualWhatAllPresentationsTogetherGive) {
  std::mt19937_64 random(17);
  MemoryStore store({});
  RunOracle oracle(0.5);
  constexpr int64_t kEpochs = 50;
  constexpr int64_t kIds = 700;
  std::string last_request;
  for (int64_t step = 0; step < kEpochs * 3; ++step) {
    OwnedBatch batch = RandomBatch(random, 300, kIds);
    batch.request_id = absl::StrCat("request ", step);
    ASSERT_TRUE(WithView(batch, [&](const RunBatch& b) { return store.Record(b); }).ok());
    oracle.Add(batch, step);
    if (step % 3 != 1) continue;
    // Sent again: this request, and one that is long ago.
    for (const int64_t again : {step, step / 2}) {
      batch.request_id = absl::StrCat("request ", again);
      ASSERT_TRUE(WithView(batch, [&](const RunBatch& b) { return store.Record(b); }).ok());
    }
  }

  const std::map<int64_t, RunSample> expected = oracle.Samples();
  const std::map<int64_t, RunSample> actual = ReadAll(store, "run");
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [id, sample] : expected) ExpectSame(actual.at(id), sample);

  const auto run = store.Get("run", {}, 512);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->sample_count, static_cast<int64_t>(expected.size()));
  EXPECT_EQ(run->presentation_count, oracle.presentations());
  EXPECT_EQ(run->non_finite_count, oracle.non_finite());
  EXPECT_GT(run->non_finite_count, 0);
  EXPECT_EQ(run->map, MapOf(expected));
  EXPECT_EQ(run->forgetting, ForgettingOf(expected));
  EXPECT_EQ(run->never_learned_count,
            std::count_if(expected.begin(), expected.end(),
                          [](const auto& one) { return !one.second.learned_at; }));
  EXPECT_EQ(run->first_step, 0);
  EXPECT_EQ(run->last_step, kEpochs * 3 - 1);
}

OwnedBatch OneSample(double p, bool correct) {
  OwnedBatch batch;
  Presentation sample;
  sample.id = 5;
  sample.true_probability = p;
  sample.correct = correct;
  batch.samples.push_back(sample);
  return batch;
}

RunSample Present(const std::vector<OwnedBatch>& batches) {
  MemoryStore store({});
  int64_t count = 0;
  for (OwnedBatch batch : batches) {
    batch.request_id = absl::StrCat(++count);
    EXPECT_TRUE(WithView(batch, [&](const RunBatch& b) { return store.Record(b); }).ok());
  }
  return ReadAll(store, "run").at(5);
}

TEST(SampleStatisticsTest, ASampleThatFlipsBackAndForthIsTurnedAndForgotten) {
  const RunSample sample =
      Present({OneSample(0.2, false), OneSample(0.5, true), OneSample(0.49, false),
               OneSample(0.8, true), OneSample(0.1, false)});
  EXPECT_EQ(sample.turned_easy, 2);
  EXPECT_EQ(sample.turned_hard, 2);
  EXPECT_EQ(sample.forgetting_events, 2);
  EXPECT_EQ(sample.learned_at, 2);
  EXPECT_DOUBLE_EQ(sample.correctness, 0.4);
}

TEST(SampleStatisticsTest, RowsOfOneBatchCountInTheirOrder) {
  OwnedBatch batch = OneSample(0.2, false);
  batch.samples.push_back(OneSample(0.9, true).samples[0]);
  batch.samples.push_back(OneSample(0.3, false).samples[0]);
  const RunSample sample = Present({batch});
  EXPECT_EQ(sample.presentations, 3);
  EXPECT_EQ(sample.turned_easy, 1);
  EXPECT_EQ(sample.turned_hard, 1);
  EXPECT_EQ(sample.forgetting_events, 1);
  EXPECT_EQ(sample.last_true_probability, 0.3);
}

TEST(SampleStatisticsTest, ConstantAndHugeNumbersStayWhatTheyAre) {
  OwnedBatch batch = OneSample(0.1, true);
  batch.samples[0].loss = 1e308;
  batch.samples[0].margin = -1.7e308;
  OwnedBatch other = batch;
  other.samples[0].margin = 1.7e308;
  const RunSample sample = Present({batch, other, batch, other});
  EXPECT_NEAR(sample.mean_true_probability, 0.1, 1e-16);
  EXPECT_LT(sample.true_probability_deviation, 1e-16);
  EXPECT_DOUBLE_EQ(sample.mean_loss, 1e308);
  EXPECT_LT(std::abs(sample.mean_margin), 1.7e308 * 1e-15);
}

TEST(SampleStatisticsTest, ASigmoidsElementHasALabelAndAColumn) {
  OwnedBatch batch = OneSample(0.9, true);
  batch.samples[0].class_id = 3;
  batch.samples[0].label = 1;
  const RunSample sample = Present({batch});
  EXPECT_EQ(sample.class_id, 3);
  EXPECT_EQ(sample.label, 1);
}

TEST(SampleStatisticsTest, WorkersOnOneRunAddUp) {
  MemoryStore store({});
  constexpr int kWorkers = 4;
  constexpr int kBatches = 50;
  const auto batch_of = [](int worker, int i) {
    std::mt19937_64 random(static_cast<uint64_t>(worker * 1000 + i));
    OwnedBatch batch = RandomBatch(random, 100, 500);
    batch.request_id = absl::StrCat(worker, "/", i);
    return batch;
  };
  std::vector<std::thread> threads;
  for (int worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([&, worker] {
      for (int i = 0; i < kBatches; ++i) {
        const OwnedBatch batch = batch_of(worker, i);
        EXPECT_TRUE(WithView(batch, [&](const RunBatch& b) { return store.Record(b); }).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  RunOracle oracle(0.5);
  for (int worker = 0; worker < kWorkers; ++worker) {
    for (int i = 0; i < kBatches; ++i) oracle.Add(batch_of(worker, i), 0);
  }
  const auto run = store.Get("run", {}, 512);
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->presentation_count, oracle.presentations());
  EXPECT_EQ(run->non_finite_count, oracle.non_finite());
  for (const auto& [id, sample] : ReadAll(store, "run")) {
    const RunSample expected = oracle.Samples().at(id);
    EXPECT_EQ(sample.presentations, expected.presentations);
    EXPECT_NEAR(sample.mean_true_probability, expected.mean_true_probability, kTolerance);
    EXPECT_NEAR(sample.true_probability_deviation, expected.true_probability_deviation, kTolerance);
    EXPECT_NEAR(sample.correctness, expected.correctness, kTolerance);
  }
}

}  // namespace
}  // namespace lossd::runs
