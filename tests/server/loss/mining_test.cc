#include "server/loss/mining.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace lossd::loss {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

MinedSamples SamplesOf(std::vector<double> losses, std::vector<double> true_probability) {
  MinedSamples samples;
  samples.valid.assign(losses.size(), 1);
  samples.losses = std::move(losses);
  samples.true_probability = std::move(true_probability);
  return samples;
}

HardestMining KeepCount(int64_t count) {
  HardestMining mining;
  mining.keep_count = count;
  return mining;
}

TEST(MiningTest, OfEqualLossesTheFirstAreKept) {
  const MinedSamples samples = SamplesOf({1, 2, 1, 0, 1, -0.0}, std::vector<double>(6, 0.5));
  EXPECT_THAT(Mine(samples, KeepCount(3)).dropped, ElementsAre(0, 0, 0, 1, 1, 1));
  EXPECT_THAT(Mine(samples, KeepCount(5)).dropped, ElementsAre(0, 0, 0, 0, 0, 1));
  EXPECT_THAT(Mine(samples, KeepCount(7)).dropped, Each(0));
}

TEST(MiningTest, NanIsAmongTheHardest) {
  const MinedSamples samples = SamplesOf({1, kNan, kInfinity, -kInfinity}, {0.1, kNan, 0, 1});
  EXPECT_THAT(Mine(samples, KeepCount(2)).dropped, ElementsAre(1, 0, 0, 1));
  EXPECT_THAT(Mine(samples, ThresholdMining{0.05, 0}).dropped, ElementsAre(1, 0, 0, 1));
}

// Sorts, and keeps the first.
std::vector<uint8_t> DroppedBySorting(const std::vector<double>& hardness,
                                      const std::vector<uint8_t>& valid, size_t count) {
  std::vector<size_t> order;
  for (size_t i = 0; i < valid.size(); ++i) {
    if (valid[i] != 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return hardness[a] > hardness[b]; });
  std::vector<uint8_t> dropped(valid.size(), 0);
  for (size_t i = count; i < order.size(); ++i) dropped[order[i]] = 1;
  return dropped;
}

class MiningByDrawTest : public ::testing::Test {
 protected:
  // A number from a few, so that many are equal, or any.
  double Draw() {
    const double kFew[] = {0, -0.0, 1, 0.5, 1e-310, 1e300, kInfinity, -1, -1e-5, -kInfinity};
    if (random_() % 2 == 0) return kFew[random_() % std::size(kFew)];
    return std::ldexp(static_cast<double>(random_()), static_cast<int>(random_() % 60) - 40);
  }
  MinedSamples DrawSamples(size_t count) {
    MinedSamples samples;
    for (size_t i = 0; i < count; ++i) {
      samples.losses.push_back(Draw());
      samples.true_probability.push_back(static_cast<double>(random_() % 20) / 20);
      samples.valid.push_back(random_() % 4 == 0 ? 0 : 1);
    }
    return samples;
  }
  size_t Below(size_t end) { return random_() % end; }

 private:
  std::mt19937 random_{11};
};

TEST_F(MiningByDrawTest, TheHardestAreThoseThatSortingPutsFirst) {
  for (int trial = 0; trial < 300; ++trial) {
    const MinedSamples samples = DrawSamples(1 + Below(100));
    const size_t count = 1 + Below(80);
    EXPECT_EQ(Mine(samples, KeepCount(static_cast<int64_t>(count))).dropped,
              DroppedBySorting(samples.losses, samples.valid, count));
  }
}

TEST_F(MiningByDrawTest, AtLeastSoManyOfTheLowestProbabilityAreKept) {
  for (int trial = 0; trial < 300; ++trial) {
    const MinedSamples samples = DrawSamples(1 + Below(100));
    const double probability = static_cast<double>(1 + Below(20)) / 20;
    const size_t min_kept = Below(80);
    size_t kept = 0;
    std::vector<double> hardness;
    for (size_t i = 0; i < samples.valid.size(); ++i) {
      hardness.push_back(-samples.true_probability[i]);
      if (samples.valid[i] != 0 && samples.true_probability[i] < probability) ++kept;
    }
    const ThresholdMining mining = {probability, static_cast<int64_t>(min_kept)};
    EXPECT_EQ(Mine(samples, mining).dropped,
              DroppedBySorting(hardness, samples.valid, std::max(kept, min_kept)));
  }
}

TEST_F(MiningByDrawTest, StopsWithinABlockOfItsCancellation) {
  const MinedSamples samples = DrawSamples(10 * kLoopBlock);
  for (const Mining& mining : {Mining(KeepCount(1000)), Mining(ThresholdMining{0.01, 1000000}),
                               Mining(GradientHarmonizing())}) {
    int asked = 0;
    const auto count = [&] {
      ++asked;
      return false;
    };
    const Cancellation never(count);
    Mine(samples, mining, never);
    const int in_all = asked;
    EXPECT_GE(in_all, 20);
    for (const int go : {0, 1, in_all / 2, in_all - 1}) {
      asked = 0;
      const Cancellation cancellation([&] { return asked++ >= go; });
      Mine(samples, mining, cancellation);
      EXPECT_TRUE(cancellation.seen());
      EXPECT_EQ(asked, go + 1);
    }
  }
}

}  // namespace
}  // namespace lossd::loss
