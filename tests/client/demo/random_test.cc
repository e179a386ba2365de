#include "client/demo/random.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace lossd::demo {
namespace {

TEST(RandomTest, ShufflesTheSameWayOnEveryMachine) {
  // Fisher and Yates with the engine's own numbers, which the C++ standard fixes.
  std::mt19937_64 engine(7);
  std::vector<int> expected = {0, 1, 2, 3, 4};
  for (size_t i = expected.size(); i > 1; --i) std::swap(expected[i - 1], expected[engine() % i]);
  std::vector<int> values = {0, 1, 2, 3, 4};
  Random(7).Shuffle(absl::MakeSpan(values));
  EXPECT_EQ(values, expected);
}

TEST(RandomTest, ShuffleKeepsEveryValue) {
  std::vector<int> values(1000);
  std::iota(values.begin(), values.end(), 0);
  const std::vector<int> sorted = values;
  Random(1).Shuffle(absl::MakeSpan(values));
  EXPECT_NE(values, sorted);
  std::sort(values.begin(), values.end());
  EXPECT_EQ(values, sorted);
}

TEST(RandomTest, BelowReachesEveryNumberAboutEquallyOften) {
  Random random(1);
  std::array<int, 3> counts = {};
  for (int i = 0; i < 30000; ++i) ++counts.at(random.Below(3));
  // Ten times the standard deviation of a count, √(30000 · ⅓ · ⅔) = 82.
  for (const int count : counts) {
    EXPECT_NEAR(count, 10000, 820);
  }
}

TEST(RandomTest, SymmetricStaysInItsBounds) {
  Random random(1);
  float smallest = 0.0f;
  float largest = 0.0f;
  for (int i = 0; i < 10000; ++i) {
    const float value = random.Symmetric(2.0f);
    smallest = std::min(smallest, value);
    largest = std::max(largest, value);
  }
  EXPECT_GE(smallest, -2.0f);
  EXPECT_LT(largest, 2.0f);
  // The chance that 10,000 numbers all miss the outer hundredth of one side is e^-50.
  EXPECT_LT(smallest, -1.98f);
  EXPECT_GT(largest, 1.98f);
}

}  // namespace
}  // namespace lossd::demo
