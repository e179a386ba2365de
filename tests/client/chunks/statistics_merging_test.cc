#include "client/src/chunks/statistics_merging.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lossd::client {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Two classes; Σ s ℓ is the sum of `loss_sum`.
ClassStatistics Classes(std::vector<int64_t> count, std::vector<double> loss_sum,
                        std::vector<double> gradient_share, std::vector<double> mean) {
  ClassStatistics statistics;
  statistics.count = std::move(count);
  statistics.weight = {1.5, 2.5};
  statistics.loss_sum = std::move(loss_sum);
  statistics.gradient_share = std::move(gradient_share);
  statistics.mean_true_probability = std::move(mean);
  statistics.correct_count = {1, 0};
  statistics.predicted_count = {1, 2};
  return statistics;
}

TEST(ClassStatisticsMergerTest, WeighsEachChunkByWhatItsSharesAreOf) {
  ClassStatisticsMerger merger;
  ASSERT_TRUE(merger.Add(Classes({3, 0}, {6.0, 0.0}, {1.0, 0.0}, {0.5, 0.0}), {6.0, 4.0, 3}).ok());
  ASSERT_TRUE(
      merger.Add(Classes({1, 0}, {2.0, 0.0}, {0.25, 0.75}, {0.1, 0.0}), {2.0, 16.0, 1}).ok());
  const ClassStatistics merged = merger.Merge();
  EXPECT_THAT(merged.count, ElementsAre(4, 0));
  EXPECT_THAT(merged.frequency, ElementsAre(1.0, 0.0));
  EXPECT_THAT(merged.weight, ElementsAre(1.5, 2.5));
  EXPECT_THAT(merged.loss_sum, ElementsAre(8.0, 0.0));
  EXPECT_THAT(merged.loss_share, ElementsAre(1.0, 0.0));
  // (1 · 4 + ¼ · 16) / 20 and (0 · 4 + ¾ · 16) / 20.
  EXPECT_THAT(merged.gradient_share, ElementsAre(DoubleEq(0.4), DoubleEq(0.6)));
  // (½ · 3 + 0.1 · 1) / 4.
  EXPECT_THAT(merged.mean_true_probability, ElementsAre(DoubleEq(0.4), 0.0));
  EXPECT_THAT(merged.correct_count, ElementsAre(2, 0));
  EXPECT_THAT(merged.predicted_count, ElementsAre(2, 4));
  EXPECT_THAT(merged.empty_classes, ElementsAre(1));
  EXPECT_THAT(merged.class_ids, IsEmpty());

  const ClassStatistics present = PresentClassesOnly(merged);
  EXPECT_THAT(present.class_ids, ElementsAre(0));
  EXPECT_THAT(present.count, ElementsAre(4));
  EXPECT_THAT(present.weight, ElementsAre(1.5));
  EXPECT_THAT(present.predicted_count, ElementsAre(2));
  EXPECT_THAT(present.empty_classes, IsEmpty());
}

TEST(ClassStatisticsMergerTest, SharesOfNothingAreNothing) {
  ClassStatisticsMerger merger;
  ASSERT_TRUE(merger.Add(Classes({0, 0}, {0.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}), {}).ok());
  const ClassStatistics merged = merger.Merge();
  EXPECT_THAT(merged.frequency, ElementsAre(0.0, 0.0));
  EXPECT_THAT(merged.loss_share, ElementsAre(0.0, 0.0));
  EXPECT_THAT(merged.gradient_share, ElementsAre(0.0, 0.0));
}

TEST(ClassStatisticsMergerTest, RefusesOtherColumns) {
  ClassStatisticsMerger merger;
  const ClassStatistics two = Classes({1, 1}, {1.0, 1.0}, {0.5, 0.5}, {0.5, 0.5});
  ASSERT_TRUE(merger.Add(two, {}).ok());
  ClassStatistics short_column = two;
  short_column.gradient_share.pop_back();
  EXPECT_EQ(merger.Add(short_column, {}).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(merger.Add({}, {}).code(), absl::StatusCode::kInternal);
}

Difficulty Bins(std::vector<int64_t> count, std::vector<double> loss_share,
                std::vector<double> gradient_share, double mean) {
  Difficulty difficulty;
  difficulty.bin_edges = {0.0, 0.5, 1.0};
  difficulty.count = std::move(count);
  difficulty.loss_share = std::move(loss_share);
  difficulty.gradient_share = std::move(gradient_share);
  difficulty.hard_threshold = 0.5;
  difficulty.hard_count = difficulty.count[0];
  difficulty.hard_loss_share = difficulty.loss_share[0];
  difficulty.hard_gradient_share = difficulty.gradient_share[0];
  difficulty.mean_true_probability = mean;
  return difficulty;
}

TEST(DifficultyMergerTest, WeighsEachChunkByWhatItsSharesAreOf) {
  DifficultyMerger merger;
  ASSERT_TRUE(merger.Add(Bins({1, 1}, {0.5, 0.5}, {1.0, 0.0}, 0.5), {8.0, 1.0, 2}).ok());
  ASSERT_TRUE(merger.Add(Bins({0, 6}, {0.0, 1.0}, {0.0, 1.0}, 0.9), {2.0, 3.0, 6}).ok());
  const Difficulty merged = merger.Merge();
  EXPECT_THAT(merged.bin_edges, ElementsAre(0.0, 0.5, 1.0));
  EXPECT_THAT(merged.count, ElementsAre(1, 7));
  EXPECT_THAT(merged.loss_share, ElementsAre(DoubleEq(0.4), DoubleEq(0.6)));
  EXPECT_THAT(merged.gradient_share, ElementsAre(DoubleEq(0.25), DoubleEq(0.75)));
  EXPECT_EQ(merged.hard_threshold, 0.5);
  EXPECT_EQ(merged.hard_count, 1);
  EXPECT_DOUBLE_EQ(merged.hard_loss_share, 0.4);
  EXPECT_DOUBLE_EQ(merged.hard_gradient_share, 0.25);
  EXPECT_DOUBLE_EQ(merged.mean_true_probability, 0.8);
}

TEST(DifficultyMergerTest, AnInfiniteLossLeavesTheSharesOfOthersAtNothing) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  DifficultyMerger merger;
  // A part of an infinite total, and all of it: inf / inf.
  ASSERT_TRUE(
      merger.Add(Bins({1, 1}, {std::nan(""), 0.0}, {0.5, 0.5}, 0.5), {kInfinity, 1.0, 2}).ok());
  const Difficulty merged = merger.Merge();
  EXPECT_TRUE(std::isnan(merged.loss_share[0]));
  EXPECT_EQ(merged.loss_share[1], 0.0);
}

TEST(DifficultyMergerTest, RefusesOtherBins) {
  DifficultyMerger merger;
  ASSERT_TRUE(merger.Add(Bins({1, 1}, {0.5, 0.5}, {0.5, 0.5}, 0.5), {}).ok());
  EXPECT_EQ(merger.Add(Bins({1}, {1.0}, {1.0}, 0.5), {}).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace lossd::client
