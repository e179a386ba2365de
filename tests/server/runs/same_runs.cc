#include "tests/server/runs/same_runs.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace lossd::runs {
namespace {

void ExpectSamePoint(const RunPoint& actual, const RunPoint& expected) {
  EXPECT_EQ(actual.first_step, expected.first_step);
  EXPECT_EQ(actual.last_step, expected.last_step);
  EXPECT_EQ(actual.epoch, expected.epoch);
  EXPECT_EQ(actual.presentations, expected.presentations);
  EXPECT_EQ(actual.mean_loss, expected.mean_loss);
  EXPECT_EQ(actual.hard_count, expected.hard_count);
  EXPECT_EQ(actual.turned_easy, expected.turned_easy);
  EXPECT_EQ(actual.turned_hard, expected.turned_hard);
  EXPECT_EQ(actual.forgotten, expected.forgotten);
  EXPECT_EQ(actual.learning_rate, expected.learning_rate);
  ASSERT_EQ(actual.classes.size(), expected.classes.size());
  for (size_t i = 0; i < actual.classes.size(); ++i) {
    EXPECT_EQ(actual.classes[i].class_id, expected.classes[i].class_id);
    EXPECT_EQ(actual.classes[i].loss_share, expected.classes[i].loss_share);
    EXPECT_EQ(actual.classes[i].gradient_share, expected.classes[i].gradient_share);
    EXPECT_EQ(actual.classes[i].hard_count, expected.classes[i].hard_count);
  }
}

void ExpectSamePage(RunStore& actual, RunStore& expected, const std::string& run,
                    const SampleQuery& query) {
  const auto page = actual.ListSamples(run, {}, query);
  const auto same = expected.ListSamples(run, {}, query);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_TRUE(same.ok()) << same.status();
  ASSERT_EQ(page->samples.size(), same->samples.size());
  for (size_t i = 0; i < page->samples.size(); ++i) {
    EXPECT_EQ(page->samples[i].id, same->samples[i].id);
  }
  ASSERT_EQ(page->next.has_value(), same->next.has_value());
  if (page->next) {
    EXPECT_EQ(page->next->key, same->next->key);
  }
}

}  // namespace

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

absl::Status RecordTo(RunStore& store, const OwnedBatch& batch) {
  return WithView(batch, [&](const RunBatch& view) { return store.Record(view); });
}

std::map<int64_t, RunSample> SamplesOf(RunStore& store, const std::string& run) {
  const auto reader = store.OpenSamples(run, {});
  EXPECT_TRUE(reader.ok()) << reader.status();
  std::map<int64_t, RunSample> samples;
  if (!reader.ok()) return samples;
  while (true) {
    constexpr int64_t kAtOnce = 1000;
    const auto read = (*reader)->Read(kAtOnce);
    EXPECT_TRUE(read.ok()) << read.status();
    if (!read.ok() || read->empty()) return samples;
    for (const RunSample& sample : *read) {
      EXPECT_TRUE(samples.emplace(sample.id, sample).second) << sample.id << " came twice";
    }
  }
}

void ExpectSameSample(const RunSample& actual, const RunSample& expected) {
  SCOPED_TRACE(absl::StrCat("sample ", expected.id));
  EXPECT_EQ(actual.label, expected.label);
  EXPECT_EQ(actual.class_id, expected.class_id);
  EXPECT_EQ(actual.presentations, expected.presentations);
  EXPECT_EQ(actual.mean_true_probability, expected.mean_true_probability);
  EXPECT_EQ(actual.true_probability_deviation, expected.true_probability_deviation);
  EXPECT_EQ(actual.mean_loss, expected.mean_loss);
  EXPECT_EQ(actual.mean_margin, expected.mean_margin);
  EXPECT_EQ(actual.correctness, expected.correctness);
  EXPECT_EQ(actual.forgetting_events, expected.forgetting_events);
  EXPECT_EQ(actual.learned_at, expected.learned_at);
  EXPECT_EQ(actual.turned_easy, expected.turned_easy);
  EXPECT_EQ(actual.turned_hard, expected.turned_hard);
  EXPECT_EQ(actual.last_true_probability, expected.last_true_probability);
  EXPECT_EQ(actual.last_step, expected.last_step);
}

void ExpectSameRun(RunStore& actual, RunStore& expected, const std::string& run) {
  constexpr int64_t kPoints = 7;
  for (const int64_t most_points : {kPoints, RunCurve::kMostPoints}) {
    const auto a = actual.Get(run, {}, most_points);
    const auto b = expected.Get(run, {}, most_points);
    ASSERT_TRUE(a.ok()) << a.status();
    ASSERT_TRUE(b.ok()) << b.status();
    EXPECT_EQ(a->name, b->name);
    EXPECT_EQ(a->owner, b->owner);
    EXPECT_EQ(a->first_step, b->first_step);
    EXPECT_EQ(a->last_step, b->last_step);
    EXPECT_EQ(a->sample_count, b->sample_count);
    EXPECT_EQ(a->presentation_count, b->presentation_count);
    EXPECT_EQ(a->non_finite_count, b->non_finite_count);
    EXPECT_EQ(a->never_learned_count, b->never_learned_count);
    EXPECT_EQ(a->hard_threshold, b->hard_threshold);
    EXPECT_EQ(a->map, b->map);
    EXPECT_EQ(a->forgetting, b->forgetting);
    EXPECT_EQ(a->findings, b->findings);
    ASSERT_EQ(a->points.size(), b->points.size());
    for (size_t i = 0; i < a->points.size(); ++i) ExpectSamePoint(a->points[i], b->points[i]);
  }
  const auto a = SamplesOf(actual, run);
  const auto b = SamplesOf(expected, run);
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [id, sample] : b) {
    ASSERT_TRUE(a.count(id)) << id;
    ExpectSameSample(a.at(id), sample);
  }
  for (const SampleOrder order :
       {SampleOrder::kHardest, SampleOrder::kEasiest, SampleOrder::kMostForgotten,
        SampleOrder::kMostVariable, SampleOrder::kLowestMargin, SampleOrder::kMostTurned}) {
    constexpr int64_t kPage = 50;
    ExpectSamePage(actual, expected, run, {order, {}, {}, kPage});
    ExpectSamePage(actual, expected, run, {order, 2, {}, kPage});
  }
}

}  // namespace lossd::runs
