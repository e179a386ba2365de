#include "client/demo/run_report.h"

#include <vector>

#include "client/demo/run_summary.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lossd::demo {
namespace {

using ::testing::HasSubstr;

RunSample Sample(double last_true_probability, int64_t turned_easy, int64_t turned_hard,
                 int64_t forgotten) {
  RunSample sample;
  sample.last_true_probability = last_true_probability;
  sample.turned_easy = turned_easy;
  sample.turned_hard = turned_hard;
  sample.forgetting_events = forgotten;
  return sample;
}

RunPoint Point(int64_t epoch, int64_t presentations, int64_t turned_easy, int64_t turned_hard) {
  RunPoint point;
  point.epoch = epoch;
  point.presentations = presentations;
  point.turned_easy = turned_easy;
  point.turned_hard = turned_hard;
  return point;
}

TEST(RunSummaryTest, AddsUpTheSamplesAndTheLaterPoints) {
  lossd::Run run;
  run.hard_threshold = 0.25;
  run.never_learned_count = 7;
  run.points = {Point(1, 10, 9, 9), Point(2, 10, 5, 5), Point(3, 10, 1, 2), Point(4, 30, 3, 4)};
  const RunSummary summary =
      Summarize(run, {Sample(0.2, 1, 2, 3), Sample(0.25, 0, 0, 0), Sample(0.9, 4, 0, 1)}, 4);
  EXPECT_EQ(summary.hard_at_last, 1);
  EXPECT_EQ(summary.turned_easy, 5);
  EXPECT_EQ(summary.turned_hard, 2);
  EXPECT_EQ(summary.forgotten, 4);
  EXPECT_EQ(summary.rows_that_turned, 2);
  EXPECT_EQ(summary.never_learned, 7);
  EXPECT_EQ(summary.late_turn_rate, 0.25);
  EXPECT_EQ(Summarize(lossd::Run(), {}, 4).late_turn_rate, 0.0);
}

TEST(LossesReportTest, ShowsEachLossAndSaysWhatTurned) {
  RunSummary plain;
  plain.turned_easy = 40;
  plain.turned_hard = 2;
  plain.rows_that_turned = 39;
  plain.hard_at_last = 17;
  const std::string report = LossesReport({{"cross entropy", plain}, {"focal", {}}});
  EXPECT_THAT(report, HasSubstr("cross entropy           40            2          0"));
  EXPECT_THAT(report, HasSubstr("With cross entropy 39 rows changed side, 42 times in all: "));
}

TEST(LearningRateReportTest, SaysWhetherTheTurnRateRises) {
  const auto report = [](double first, double second, double third) {
    std::vector<RateSummary> rates(3);
    rates[0].learning_rate = 0.003;
    rates[0].summary.late_turn_rate = first;
    rates[1].learning_rate = 0.03;
    rates[1].summary.late_turn_rate = second;
    rates[2].learning_rate = 0.3;
    rates[2].summary.late_turn_rate = third;
    rates[2].accuracy = 0.9876;
    return LearningRateReport(rates, 30);
  };
  EXPECT_THAT(report(0.001, 0.002, 0.0049), HasSubstr("turns in 1000, epochs 16 to 30"));
  EXPECT_THAT(report(0.001, 0.002, 0.0049), HasSubstr("4.90         98.76%"));
  EXPECT_THAT(report(0.001, 0.002, 0.0049), HasSubstr("rises with the learning rate: steps"));
  EXPECT_THAT(report(0.001, 0.003, 0.002), HasSubstr("does not rise with the learning rate."));
  EXPECT_THAT(report(0.002, 0.002, 0.003), HasSubstr("does not rise"));
}

}  // namespace
}  // namespace lossd::demo
