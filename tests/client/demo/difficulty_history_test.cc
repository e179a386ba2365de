#include "client/demo/difficulty_history.h"

#include "gtest/gtest.h"

namespace lossd::demo {
namespace {

TEST(DifficultyHistoryTest, IsEmptyAtFirst) {
  const DifficultyHistory history;
  EXPECT_EQ(history.hard_at_first(), 0U);
  EXPECT_EQ(history.hard_at_last(), 0U);
  EXPECT_EQ(history.samples_that_changed(), 0U);
}

TEST(DifficultyHistoryTest, CountsTheFirstEpochAsNoChange) {
  DifficultyHistory history;
  history.Observe({0.1f, 0.9f, 0.2f});
  EXPECT_EQ(history.hard_at_first(), 2U);
  EXPECT_EQ(history.hard_at_last(), 2U);
  EXPECT_EQ(history.became_easy(), 0U);
  EXPECT_EQ(history.became_hard(), 0U);
  EXPECT_EQ(history.samples_that_changed(), 0U);
}

TEST(DifficultyHistoryTest, FollowsEachSample) {
  DifficultyHistory history;
  history.Observe({0.1f, 0.9f, 0.2f, 0.9f});
  history.Observe({0.9f, 0.1f, 0.2f, 0.9f});
  history.Observe({0.1f, 0.1f, 0.9f, 0.9f});
  EXPECT_EQ(history.hard_at_first(), 2U);
  EXPECT_EQ(history.hard_at_last(), 2U);
  EXPECT_EQ(history.became_easy(), 2U);
  EXPECT_EQ(history.became_hard(), 2U);
  EXPECT_EQ(history.samples_that_changed(), 3U);
}

TEST(DifficultyHistoryTest, TakesAHalfForEasy) {
  DifficultyHistory history;
  history.Observe({0.5f, 0.49999997f});
  EXPECT_EQ(history.hard_at_last(), 1U);
}

}  // namespace
}  // namespace lossd::demo
