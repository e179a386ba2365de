#include "server/loss/top_k.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace lossd::loss {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int64_t> Count(const std::vector<int32_t>& top_k, const std::vector<int64_t>& ranks) {
  TopKCounter counter(top_k);
  for (const int64_t rank : ranks) counter.Add(rank);
  return counter.Counts();
}

TEST(TopKCounterTest, CountsTheRanksBelowEachEntry) {
  EXPECT_THAT(Count({1, 2, 5}, {0, 0, 1, 3, 4, 5, 9}), ElementsAre(2, 3, 5));
}

TEST(TopKCounterTest, EntriesMayComeInAnyOrderAndTwice) {
  EXPECT_THAT(Count({5, 1, 5, 2}, {0, 4, 1}), ElementsAre(3, 1, 3, 2));
}

TEST(TopKCounterTest, WithoutEntriesOrSamplesThereIsNothingToCount) {
  EXPECT_THAT(Count({}, {0, 1}), IsEmpty());
  EXPECT_THAT(Count({3, 1}, {}), ElementsAre(0, 0));
}

TEST(TopKCounterTest, AgreesWithCountingEachEntryByItself) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<int32_t> top_k(random() % 40);
    for (int32_t& k : top_k) k = static_cast<int32_t>(1 + random() % 50);
    std::vector<int64_t> ranks(random() % 60);
    for (int64_t& rank : ranks) rank = static_cast<int64_t>(random() % 60);
    std::vector<int64_t> expected;
    for (const int32_t k : top_k) {
      int64_t below = 0;
      for (const int64_t rank : ranks) below += rank < k ? 1 : 0;
      expected.push_back(below);
    }
    EXPECT_EQ(Count(top_k, ranks), expected);
  }
}

}  // namespace
}  // namespace lossd::loss
