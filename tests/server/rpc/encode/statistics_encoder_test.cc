#include "server/rpc/encode/statistics_encoder.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The statistics of three classes, each column with numbers of its own; the second has no samples.
loss::ClassStatistics SomeStatistics() {
  loss::ClassStatistics statistics;
  statistics.count = {4, 0, 6};
  statistics.frequency = {0.4, 0, 0.6};
  statistics.weight = {1, 2, 3};
  statistics.loss_sum = {10, 20, 30};
  statistics.loss_share = {0.1, 0.2, 0.7};
  statistics.gradient_share = {0.3, 0.1, 0.6};
  statistics.mean_true_probability = {0.5, 0.25, 0.75};
  statistics.correct_count = {3, 1, 5};
  statistics.predicted_count = {2, 0, 8};
  statistics.empty_classes = {1};
  return statistics;
}

TEST(StatisticsEncoderTest, SendsAnEntryOfEachClass) {
  v1::ClassStatistics message;
  EncodeClassStatistics(SomeStatistics(), message);
  EXPECT_THAT(message.count(), ElementsAre(4, 0, 6));
  EXPECT_THAT(message.frequency(), ElementsAre(0.4, 0, 0.6));
  EXPECT_THAT(message.weight(), ElementsAre(1, 2, 3));
  EXPECT_THAT(message.loss_sum(), ElementsAre(10, 20, 30));
  EXPECT_THAT(message.loss_share(), ElementsAre(0.1, 0.2, 0.7));
  EXPECT_THAT(message.gradient_share(), ElementsAre(0.3, 0.1, 0.6));
  EXPECT_THAT(message.mean_true_probability(), ElementsAre(0.5, 0.25, 0.75));
  EXPECT_THAT(message.correct_count(), ElementsAre(3, 1, 5));
  EXPECT_THAT(message.predicted_count(), ElementsAre(2, 0, 8));
  EXPECT_THAT(message.empty_classes(), ElementsAre(1));
  EXPECT_THAT(message.class_ids(), IsEmpty());
}

TEST(StatisticsEncoderTest, NamesThePresentClassesWhereTheyAreAlone) {
  loss::ClassStatistics statistics;
  statistics.count = {4, 6};
  statistics.class_ids = {0, 2};
  v1::ClassStatistics message;
  EncodeClassStatistics(statistics, message);
  EXPECT_THAT(message.class_ids(), ElementsAre(0, 2));
  EXPECT_THAT(message.count(), ElementsAre(4, 6));
  EXPECT_THAT(message.empty_classes(), IsEmpty());
}

TEST(StatisticsEncoderTest, SendsEveryBinOfTheDifficulty) {
  loss::Difficulty difficulty;
  for (size_t i = 0; i < difficulty.count.size(); ++i) {
    difficulty.bin_edges[i + 1] = 0.1 * static_cast<double>(i + 1);
    difficulty.count[i] = static_cast<int64_t>(i);
  }
  difficulty.hard_threshold = 0.25;
  difficulty.hard_count = 7;
  difficulty.hard_loss_share = 0.5;
  difficulty.hard_gradient_share = 0.75;
  difficulty.mean_true_probability = 0.125;
  v1::Difficulty message;
  EncodeDifficulty(difficulty, message);
  EXPECT_EQ(message.bin_edges_size(), 11);
  EXPECT_THAT(message.count(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(message.loss_share_size(), 10);
  EXPECT_EQ(message.hard_threshold(), 0.25);
  EXPECT_EQ(message.hard_count(), 7);
  EXPECT_EQ(message.hard_loss_share(), 0.5);
  EXPECT_EQ(message.hard_gradient_share(), 0.75);
  EXPECT_EQ(message.mean_true_probability(), 0.125);
}

}  // namespace
}  // namespace lossd::rpc
