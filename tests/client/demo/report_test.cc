#include "client/demo/report.h"

#include <string>
#include <vector>

#include "client/demo/lineup.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lossd::demo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<size_t> kRare = {1, 5, 6};

// Five models that find `rare_found` of the two Fpv.Close rows and everything else but Bpv.Open.
std::vector<TrainedModel> Models(const std::vector<int64_t>& rare_found) {
  const std::vector<NamedLoss> losses = Lineup({});
  std::vector<TrainedModel> models(losses.size());
  for (size_t i = 0; i < models.size(); ++i) {
    models[i].name = losses[i].name;
    models[i].test_statistics.count = {90, 2, 2, 2, 2, 1, 1};
    models[i].test_statistics.correct_count = {90, rare_found[i], 2, 2, 2, 1, 0};
  }
  return models;
}

CompareResult Comparison(double cross_entropy_share, double focal_share, int64_t vanishing) {
  CompareResult result;
  result.comparisons.resize(kLineupSize);
  for (LossComparison& one : result.comparisons) {
    one.loss_sum = 1.0;
    one.difficulty.emplace();
    one.difficulty->count = {4, 96};
    one.difficulty->hard_count = 4;
    one.class_statistics.emplace();
    one.class_statistics->gradient_share = {0.5, 0.25, 0.0, 0.0, 0.0, 0.125, 0.125};
  }
  result.comparisons[kCrossEntropy].difficulty->hard_loss_share = cross_entropy_share;
  result.comparisons[kFocal].difficulty->hard_loss_share = focal_share;
  result.comparisons[kSquaredError].vanishing_count = vanishing;
  return result;
}

TEST(LineupTest, WeighsByTheCountsOfTheTrainingSet) {
  const std::vector<NamedLoss> losses = Lineup({1.0, 2.0});
  ASSERT_EQ(losses.size(), 5U);
  const auto scheme = [&](size_t index) {
    return std::get<SchemeWeights>(losses[index].loss.class_weighting.source);
  };
  EXPECT_EQ(scheme(kBalancedCrossEntropy).scheme, WeightScheme::kBalanced);
  EXPECT_THAT(scheme(kBalancedCrossEntropy).counts, ElementsAre(1.0, 2.0));
  EXPECT_EQ(scheme(kWeightedFocal).scheme, WeightScheme::kInverseSquareRoot);
  EXPECT_THAT(scheme(kWeightedFocal).counts, ElementsAre(1.0, 2.0));
  EXPECT_EQ(std::get<Focal>(losses[kFocal].loss.form).gamma, 2.0);
}

TEST(RareClassesTest, AreThoseUnderOnePercent) {
  EXPECT_THAT(RareClasses({0.98, 0.009, 0.01, 0.0}), ElementsAre(1, 3));
}

TEST(RecallReportTest, ShowsRecallBesideTheTestCount) {
  const std::string report = RecallReport(Models({1, 1, 1, 1, 1}), kRare);
  EXPECT_THAT(report,
              HasSubstr("\n(test rows)                    100                  90          2"));
  // 98 of 100 rows; recalls 1, ½, 1, 1, 1, 1, 0.
  EXPECT_THAT(report, HasSubstr("98.00%"));
  EXPECT_THAT(report, HasSubstr("78.57%"));
  EXPECT_THAT(report, HasSubstr("50.00%"));
}

TEST(RecallReportTest, SaysWhichLossRescuesAndWhichDoesNot) {
  std::vector<TrainedModel> models = Models({4, 8, 4, 6, 0});
  for (TrainedModel& model : models) {
    model.test_statistics.count[1] = 8;
    model.test_statistics.count[0] = 84;
    model.test_statistics.correct_count[0] = 84;
  }
  const std::string report = RecallReport(models, kRare);
  EXPECT_THAT(report, HasSubstr("Plain cross entropy finds 5 of them.\n"));
  EXPECT_THAT(report, HasSubstr("  balanced cross entropy finds 9, 4 more than cross entropy, with "
                                "accuracy +4.00 points.\n"));
  EXPECT_THAT(report,
              HasSubstr("  focal (gamma 2) finds 5, as many as cross entropy, with accuracy "
                        "+0.00 points: it rescues none.\n"));
  EXPECT_THAT(report,
              HasSubstr("  weighted focal (gamma 2) finds 7, 2 more than cross entropy, with "
                        "accuracy +2.00 points: too few to tell from chance.\n"));
  EXPECT_THAT(report,
              HasSubstr("  squared error finds 1, 4 fewer than cross entropy, with accuracy "
                        "-4.00 points: on balance it rescues none.\n"));
  EXPECT_THAT(report, HasSubstr("the mean of the recalls, that of balanced cross entropy, 85.71%"));
}

TEST(RecallReportTest, WarnsOfSmallCounts) {
  EXPECT_THAT(
      RecallReport(Models({1, 1, 1, 1, 1}), kRare),
      HasSubstr("Bpv.Open has 1 test row, so one row is 100 points of its recall and 14.3 of "
                "balanced accuracy"));
}

TEST(ComparisonReportTest, SaysWhereFocalTurnsTheLoss) {
  const std::vector<NamedLoss> losses = Lineup({});
  const auto report = [&](const CompareResult& comparison) {
    return ComparisonReport("cross entropy", losses, comparison, kRare);
  };
  EXPECT_THAT(report(Comparison(0.5, 0.75, 0)), HasSubstr("4 of 100 rows are hard"));
  EXPECT_THAT(report(Comparison(0.5, 0.75, 0)), HasSubstr("focal turns the loss towards them"));
  EXPECT_THAT(report(Comparison(0.5, 0.25, 0)), HasSubstr("focal turns the loss away from them"));
  EXPECT_THAT(report(Comparison(0.5, 0.5, 0)), HasSubstr("focal changes nothing"));
}

TEST(ComparisonReportTest, ShowsTheRareClassesGradientShare) {
  EXPECT_THAT(ComparisonReport("cross entropy", Lineup({}), Comparison(0.5, 0.5, 0), kRare),
              HasSubstr("50.00%"));
}

TEST(ComparisonReportTest, CountsVanishingRows) {
  const auto report = [](int64_t vanishing) {
    return ComparisonReport("squared error", Lineup({}), Comparison(0.5, 0.5, vanishing), kRare);
  };
  EXPECT_THAT(report(3), HasSubstr("3 rows under squared error, 0 under cross entropy"));
  EXPECT_THAT(report(1), HasSubstr("1 row under squared error"));
  EXPECT_THAT(report(0), HasSubstr("Under neither squared error nor cross entropy"));
}

}  // namespace
}  // namespace lossd::demo
