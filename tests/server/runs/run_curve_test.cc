#include "server/runs/run_curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <vector>

namespace lossd::runs {
namespace {

// A batch of one sample.
void AddSample(RunCurve& curve, int64_t class_count, int64_t step, int64_t class_id, double loss,
               std::optional<double> learning_rate = {}) {
  BatchTally tally(class_count);
  Presentation sample;
  sample.class_id = class_id;
  sample.loss = loss;
  sample.gradient_l1 = 2 * loss;
  sample.true_probability = loss > 1 ? 0.1 : 0.9;
  tally.Add(sample, {}, 0.5, step / 100);
  curve.Reserve(step);
  curve.Add(step, learning_rate, tally.turns(), tally.TakeClasses());
}

TEST(RunCurveTest, HasTheFewestStepsToAPointThatGive512Points) {
  std::mt19937_64 random(5);
  std::set<int64_t> steps;
  RunCurve curve(2);
  for (int i = 0; i < 3000; ++i) {
    const auto step = static_cast<int64_t>(random() % 5000);
    steps.insert(step);
    AddSample(curve, 2, step, 0, 1);
    if (i % 100 != 99) continue;
    int k = 0;
    std::set<int64_t> bins = steps;
    while (bins.size() > 512) {
      ++k;
      bins.clear();
      for (const int64_t one : steps) bins.insert(one >> k);
    }
    std::set<int64_t> points;
    for (const RunPoint& point : curve.Points(512)) {
      points.insert(point.first_step >> k);
      EXPECT_EQ(point.first_step >> k, point.last_step >> k);
    }
    ASSERT_EQ(points, bins);
  }
}

TEST(RunCurveTest, APointHasWhatItsStepsHave) {
  RunCurve curve(3);
  for (int64_t step = 1023; step >= 0; --step) {
    AddSample(curve, 3, step, step % 3, static_cast<double>(step % 4),
              static_cast<double>(step) / 8);
  }
  const std::vector<RunPoint> points = curve.Points(512);
  ASSERT_EQ(points.size(), 512);
  const RunPoint& point = points[3];  // Steps 6 and 7, losses 2 and 3.
  EXPECT_EQ(point.first_step, 6);
  EXPECT_EQ(point.last_step, 7);
  EXPECT_EQ(point.presentations, 2);
  EXPECT_EQ(point.mean_loss, 2.5);
  EXPECT_EQ(point.hard_count, 2);
  EXPECT_EQ(point.learning_rate, 0.875);
  ASSERT_EQ(point.classes.size(), 2);
  EXPECT_EQ(point.classes[1].class_id, 1);
  EXPECT_EQ(point.classes[1].loss_share, 0.6);
  EXPECT_EQ(point.classes[1].gradient_share, 0.6);
  EXPECT_EQ(points[511].epoch, 10);

  const std::vector<RunPoint> few = curve.Points(5);
  ASSERT_EQ(few.size(), 4);
  EXPECT_EQ(few[1].first_step, 256);
  EXPECT_EQ(few[1].last_step, 511);
  EXPECT_EQ(few[1].presentations, 256);
  EXPECT_DOUBLE_EQ(few[1].mean_loss, 1.5);
}

TEST(RunCurveTest, StepsMayBeAsFarApartAsTheirTypeIsWide) {
  RunCurve curve(1);
  for (int64_t i = 0; i < 600; ++i) AddSample(curve, 1, INT64_MAX - i * 3, 0, 1);
  AddSample(curve, 1, 0, 0, 1);
  EXPECT_EQ(curve.Points(512).size(), 451);  // 450 bins of four steps, and step 0.
  EXPECT_EQ(curve.Points(1).size(), 1);
}

TEST(ClassTalliesTest, TheLowestOfManyClassesHaveTheirOwn) {
  std::mt19937_64 random(9);
  constexpr int64_t kClasses = 5000;
  std::vector<ClassTallies> parts(4, ClassTallies(kClasses));
  std::map<int64_t, ClassTally> all;
  for (int i = 0; i < 3000; ++i) {
    const auto class_id = static_cast<int64_t>(random() % kClasses);
    const ClassTally tally = {static_cast<double>(random() % 100), 1, 1};
    parts[random() % parts.size()].Add(class_id, tally);
    all[class_id] += tally;
  }
  ClassTallies merged(kClasses);
  for (const ClassTallies& part : parts) merged.Merge(part);

  const std::vector<ClassShare> shares = merged.Shares();
  ASSERT_EQ(shares.size(), 64);
  double total = 0;
  for (const auto& [id, tally] : all) total += tally.loss;
  auto expected = all.begin();
  double rest = total;
  for (size_t i = 0; i < 63; ++i, ++expected) {
    EXPECT_EQ(shares[i].class_id, expected->first);
    EXPECT_DOUBLE_EQ(shares[i].loss_share, expected->second.loss / total);
    EXPECT_EQ(shares[i].hard_count, expected->second.hard_count);
    rest -= expected->second.loss;
  }
  EXPECT_EQ(shares[63].class_id, -1);
  EXPECT_DOUBLE_EQ(shares[63].loss_share, rest / total);
}

TEST(ClassTalliesTest, SixtyFourClassesHaveNoRest) {
  BatchTally tally(64);
  for (int64_t k = 63; k >= 0; --k) {
    Presentation sample;
    sample.class_id = k;
    tally.Add(sample, {}, 0.5, 1);
  }
  const std::vector<ClassShare> shares = tally.TakeClasses().Shares();
  ASSERT_EQ(shares.size(), 64);
  EXPECT_EQ(shares[63].class_id, 63);
  EXPECT_EQ(shares[63].loss_share, 0);  // Of no loss at all.
}

}  // namespace
}  // namespace lossd::runs
