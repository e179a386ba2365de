#include "client/src/chunks/policy_merging.h"

#include "gtest/gtest.h"

namespace lossd::client {
namespace {

PolicyStatistics Statistics(int64_t clipped, double mean, double min, double max, double square) {
  PolicyStatistics statistics;
  statistics.clipped_high_count = clipped;
  statistics.clipped_low_count = 2 * clipped;
  statistics.dual_clipped_count = 3 * clipped;
  statistics.ratio_mean = mean;
  statistics.ratio_min = min;
  statistics.ratio_max = max;
  statistics.ratio_mean_square = square;
  statistics.effective_sample_size = 1.0;
  statistics.kl_k1 = mean - 1.0;
  statistics.kl_k3 = mean + 1.0;
  return statistics;
}

TEST(PolicyStatisticsMergerTest, WeighsTheMeansOfAChunkByItsSamples) {
  PolicyStatisticsMerger merger;
  merger.Add(Statistics(1, 1.0, 0.5, 2.0, 1.5), 3);
  merger.Add(Statistics(2, 2.0, 0.25, 1.75, 4.5), 1);
  const PolicyStatistics merged = merger.Merge();
  EXPECT_EQ(merged.clipped_high_count, 3);
  EXPECT_EQ(merged.clipped_low_count, 6);
  EXPECT_EQ(merged.dual_clipped_count, 9);
  EXPECT_EQ(merged.ratio_mean, 1.25);
  EXPECT_EQ(merged.ratio_min, 0.25);
  EXPECT_EQ(merged.ratio_max, 2.0);
  EXPECT_EQ(merged.ratio_mean_square, 2.25);
  // (Σ r)² / Σ r² = 5² / 9.
  EXPECT_DOUBLE_EQ(merged.effective_sample_size.value(), 25.0 / 9.0);
  EXPECT_EQ(merged.kl_k1, 0.25);
  EXPECT_EQ(merged.kl_k3, 2.25);
  EXPECT_FALSE(merged.reference_kl_k1);
  EXPECT_FALSE(merged.weight_high_count);
}

TEST(PolicyStatisticsMergerTest, AChunkWithoutSamplesHasNoExtremes) {
  PolicyStatisticsMerger merger;
  merger.Add(Statistics(0, 0.0, 0.0, 0.0, 0.0), 0);
  EXPECT_EQ(merger.Merge().ratio_min, 0.0);
  EXPECT_EQ(merger.Merge().effective_sample_size, 0.0);
  merger.Add(Statistics(0, 2.0, 1.5, 2.5, 4.0), 2);
  const PolicyStatistics merged = merger.Merge();
  EXPECT_EQ(merged.ratio_min, 1.5);
  EXPECT_EQ(merged.ratio_max, 2.5);
  EXPECT_EQ(merged.ratio_mean, 2.0);
}

TEST(PolicyStatisticsMergerTest, LeavesOutWhatNoChunkHas) {
  PolicyStatistics chunk;
  chunk.reference_kl_k1 = 0.5;
  chunk.reference_kl_k3 = 0.25;
  chunk.weight_high_count = 2;
  chunk.weight_low_count = 0;
  PolicyStatisticsMerger merger;
  merger.Add(chunk, 4);
  merger.Add(chunk, 4);
  const PolicyStatistics merged = merger.Merge();
  EXPECT_EQ(merged.reference_kl_k1, 0.5);
  EXPECT_EQ(merged.reference_kl_k3, 0.25);
  EXPECT_EQ(merged.weight_high_count, 4);
  EXPECT_EQ(merged.weight_low_count, 0);
  EXPECT_FALSE(merged.ratio_mean);
  EXPECT_FALSE(merged.ratio_min);
  EXPECT_FALSE(merged.effective_sample_size);
}

}  // namespace
}  // namespace lossd::client
