#include "server/runs/run_findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace lossd::runs {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A run of as many epochs as turns are given, of 10,000 presentations each.
Run RunWithTurns(const std::vector<int64_t>& turns) {
  Run run;
  run.sample_count = 10'000;
  for (size_t i = 0; i < turns.size(); ++i) {
    RunPoint point;
    point.first_step = static_cast<int64_t>(i) * 10;
    point.last_step = point.first_step + 9;
    point.epoch = static_cast<int64_t>(i) + 1;
    point.presentations = 10'000;
    point.turned_easy = turns[i] / 2;
    point.turned_hard = turns[i] - turns[i] / 2;
    point.learning_rate = 0.25;
    run.points.push_back(point);
  }
  return run;
}

TEST(RunFindingsTest, SayThatTheTurnRateDoesNotFall) {
  EXPECT_THAT(
      FindingsOf(RunWithTurns({5000, 4000, 3000, 3000, 3000, 3000, 3000, 3000, 3000, 3000})),
      ElementsAre(AllOf(HasSubstr("does not fall"), HasSubstr("30 % in steps 20 to 39"),
                        HasSubstr("30 % in steps 80 to 99"), HasSubstr("at 0.25"))));
}

TEST(RunFindingsTest, SayThatItRisesOrFalls) {
  EXPECT_THAT(FindingsOf(RunWithTurns({5000, 4000, 500, 600, 700, 800, 900, 1000})),
              ElementsAre(HasSubstr("The turn rate rises")));
  EXPECT_THAT(
      FindingsOf(RunWithTurns({5000, 4000, 900, 800, 700, 600, 500, 400})),
      ElementsAre(AllOf(HasSubstr("The turn rate falls"), testing::Not(HasSubstr("lower")))));
}

TEST(RunFindingsTest, SayNothingThatChanceCouldHaveDone) {
  EXPECT_THAT(FindingsOf(RunWithTurns({5000, 4000, 9, 7, 8, 8, 9, 10})), IsEmpty());
  EXPECT_THAT(FindingsOf(RunWithTurns({5000, 4000, 0, 0, 0, 0, 0, 0})), IsEmpty());
  EXPECT_THAT(FindingsOf(RunWithTurns({5000, 4000, 3000})), IsEmpty());
  EXPECT_THAT(FindingsOf(runs::Run()), IsEmpty());
}

TEST(RunFindingsTest, CountWhatWasNeverLearnedAndWhatWasForgotten) {
  runs::Run run;
  run.sample_count = 100;
  run.presentation_count = 299;
  run.never_learned_count = 7;
  run.forgetting = {80, 10, 0, 0, 0, 0, 0, 0, 0, 0, 3};
  EXPECT_THAT(FindingsOf(run), IsEmpty());
  run.presentation_count = 300;
  EXPECT_THAT(FindingsOf(run),
              ElementsAre(HasSubstr("7 of 100 samples were never learned"),
                          HasSubstr("13 of 93 samples that were learned were forgotten, 3 of")));
}

}  // namespace
}  // namespace lossd::runs
