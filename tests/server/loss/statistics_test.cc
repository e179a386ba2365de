#include "server/loss/statistics.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Matrix;
using oracle::Problem;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;

auto Near(double value) { return DoubleNear(value, 1e-14); }

// Four rows over four classes whose probabilities are round numbers: exp(log 2) and the like.
Problem RoundProbabilities() {
  const double log2 = std::log(2.0);
  const double log5 = std::log(5.0);
  Problem problem;
  // softmax: {1/4, 1/4, 1/4, 1/4}, {2, 1, 1, 1}/5, {5, 1, 1, 1}/8, {1, 1, 5, 1}/8
  problem.logits = {{0, 0, 0, 0}, {log2, 0, 0, 0}, {log5, 0, 0, 0}, {0, 0, log5, 0}};
  problem.class_ids = {1, 0, 1, 2};
  return problem;
}

TEST(StatisticsTest, ClassColumnsByHand) {
  const Problem problem = RoundProbabilities();
  const Result result = ComputeProblem<double>(problem).result;
  const ClassStatistics& columns = *result.class_statistics;
  EXPECT_THAT(columns.count, ElementsAre(1, 2, 1, 0));
  EXPECT_THAT(columns.frequency, ElementsAre(0.25, 0.5, 0.25, 0));
  EXPECT_THAT(columns.weight, Each(1.0));
  EXPECT_THAT(columns.empty_classes, ElementsAre(3));
  // Row 0's four equal logits predict the first class.
  EXPECT_THAT(columns.predicted_count, ElementsAre(3, 0, 1, 0));
  EXPECT_THAT(columns.correct_count, ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(columns.mean_true_probability,
              ElementsAre(Near(0.4), Near((0.25 + 0.125) / 2), Near(0.625), 0));
  const double losses[] = {std::log(2.5), std::log(4.0) + std::log(8.0), std::log(1.6)};
  const double total = losses[0] + losses[1] + losses[2];
  EXPECT_THAT(columns.loss_sum, ElementsAre(Near(losses[0]), Near(losses[1]), Near(losses[2]), 0));
  EXPECT_THAT(columns.loss_share, ElementsAre(Near(losses[0] / total), Near(losses[1] / total),
                                              Near(losses[2] / total), 0));
  // A hard cross entropy row's |g| is 2 (1 - p_t).
  const double gradients[] = {1.2, 1.5 + 1.75, 0.75};
  EXPECT_THAT(
      columns.gradient_share,
      ElementsAre(Near(gradients[0] / 5.2), Near(gradients[1] / 5.2), Near(gradients[2] / 5.2), 0));
}

TEST(StatisticsTest, DifficultyByHand) {
  Problem problem = RoundProbabilities();
  problem.hard_threshold = 0.3;
  const Difficulty difficulty = *ComputeProblem<double>(problem).result.difficulty;
  // p_t: 0.25, 0.4, 0.125, 0.625
  EXPECT_THAT(difficulty.bin_edges, ElementsAre(0, Near(0.1), Near(0.2), Near(0.3), Near(0.4), 0.5,
                                                Near(0.6), Near(0.7), Near(0.8), Near(0.9), 1));
  EXPECT_EQ(difficulty.count[1], 1);
  EXPECT_EQ(difficulty.count[2], 1);
  EXPECT_EQ(difficulty.count[6], 1);
  EXPECT_EQ(difficulty.hard_threshold, 0.3);
  EXPECT_EQ(difficulty.hard_count, 2);
  EXPECT_NEAR(difficulty.mean_true_probability, 0.35, 1e-15);
  EXPECT_NEAR(difficulty.hard_gradient_share, (1.5 + 1.75) / 5.2, 1e-14);
  EXPECT_NEAR(difficulty.gradient_share[6], 0.75 / 5.2, 1e-14);
  EXPECT_NEAR(difficulty.hard_loss_share,
              std::log(32.0) / (std::log(32.0) + std::log(2.5) + std::log(1.6)), 1e-14);
}

TEST(StatisticsTest, ABinHoldsItsLowerEdgeAndTheLastOneHoldsOne) {
  Problem problem;
  // p_t = 1/2 exactly, 1 exactly (in double), and 0 exactly.
  problem.logits = {{0, 0}, {800, 0}, {0, 800}};
  problem.class_ids = {0, 0, 0};
  const Difficulty difficulty = *ComputeProblem<double>(problem).result.difficulty;
  EXPECT_THAT(difficulty.count, ElementsAre(1, 0, 0, 0, 0, 1, 0, 0, 0, 1));
  // Hard is below the threshold, not at it.
  EXPECT_EQ(difficulty.hard_count, 1);
}

TEST(StatisticsTest, ANotANumberIsInNoBin) {
  Problem problem;
  problem.logits = {{0, 0}, {std::nan(""), 0}};
  problem.class_ids = {0, 0};
  const Result result = ComputeProblem<double>(problem).result;
  EXPECT_THAT(result.difficulty->count, ElementsAre(0, 0, 0, 0, 0, 1, 0, 0, 0, 0));
  EXPECT_EQ(result.difficulty->hard_count, 0);
  EXPECT_THAT(result.class_statistics->count, ElementsAre(2, 0));
}

// A model that has diverged is right about nothing (Merlin#617), wherever the NaN is.
TEST(StatisticsTest, ARowWithANotANumberPredictsNothing) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  Problem problem;
  problem.logits = {{kNan, kNan, kNan}, {5, kNan, 1}, {kNan, 5, 1}, {1, 5, kNan}, {1, 2, 3}};
  problem.class_ids = {2, 0, 1, 1, 2};
  problem.top_k = {1, 2, 3, 4};
  const Result result = ComputeProblem<double>(problem).result;
  EXPECT_THAT(result.class_statistics->count, ElementsAre(1, 2, 2));
  EXPECT_THAT(result.class_statistics->correct_count, ElementsAre(0, 0, 1));
  EXPECT_THAT(result.class_statistics->predicted_count, ElementsAre(0, 0, 1));
  // A NaN counts as larger than the truth; a truth of NaN is behind all.
  EXPECT_THAT(result.top_k_correct, ElementsAre(1, 4, 4, 5));

  Problem merlin;
  merlin.logits = Matrix::from_shape({4, 3});
  merlin.logits.fill(kNan);
  merlin.class_ids = {2, 2, 2, 0};
  merlin.top_k = {1};
  const Result nothing = ComputeProblem<float>(merlin).result;
  EXPECT_THAT(nothing.class_statistics->correct_count, ElementsAre(0, 0, 0));
  EXPECT_THAT(nothing.class_statistics->predicted_count, ElementsAre(0, 0, 0));
  EXPECT_THAT(nothing.top_k_correct, ElementsAre(0));
}

TEST(StatisticsTest, ASigmoidsNotANumberPredictsNothing) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  Problem columns;
  columns.activation = Activation::kSigmoid;
  columns.logits = {{kNan, kNan}, {1, -1}};
  columns.binary_labels.emplace(xt::xtensor<int64_t, 2>{{0, 1}, {1, 0}});
  const ClassStatistics by_column = *ComputeProblem<double>(columns).result.class_statistics;
  EXPECT_THAT(by_column.correct_count, ElementsAre(1, 1));
  EXPECT_THAT(by_column.predicted_count, ElementsAre(1, 0));

  Problem single;
  single.activation = Activation::kSigmoid;
  single.logits = {{kNan}, {kNan}, {-1}};
  single.binary_labels.emplace(xt::xtensor<int64_t, 2>{{0}, {1}, {0}});
  const ClassStatistics both = *ComputeProblem<double>(single).result.class_statistics;
  EXPECT_THAT(both.correct_count, ElementsAre(1, 0));
  EXPECT_THAT(both.predicted_count, ElementsAre(1, 0));
}

TEST(StatisticsTest, SharesOfNothingAreZero) {
  Problem problem;
  problem.logits = {{1e4, 0}};
  problem.class_ids = {0};
  const Result result = ComputeProblem<double>(problem).result;
  EXPECT_THAT(result.class_statistics->loss_share, Each(0.0));
  EXPECT_THAT(result.class_statistics->gradient_share, Each(0.0));
  EXPECT_THAT(result.difficulty->loss_share, Each(0.0));
  EXPECT_THAT(result.difficulty->gradient_share, Each(0.0));
  EXPECT_EQ(result.difficulty->hard_loss_share, 0);
}

TEST(StatisticsTest, TopKBreaksTiesByPlace) {
  Problem problem;
  problem.logits = {{3, 3, 1, 2}, {3, 3, 1, 2}, {1, 2, 3, 4}, {5, 5, 5, 5}};
  problem.class_ids = {0, 1, 0, 3};
  problem.top_k = {1, 2, 3, 4, 100};
  // Places: 1st, 2nd, 4th, 4th.
  EXPECT_THAT(ComputeProblem<float>(problem).result.top_k_correct, ElementsAre(1, 2, 2, 4, 4));
  EXPECT_THAT(ComputeProblem<double>(problem).result.top_k_correct, ElementsAre(1, 2, 2, 4, 4));
  problem.ignore_index = 1;
  EXPECT_THAT(ComputeProblem<float>(problem).result.top_k_correct, ElementsAre(1, 1, 1, 3, 3));
}

TEST(StatisticsTest, ASoftSampleBelongsToItsLargestTargetTheFirstOnTies) {
  Problem problem;
  problem.logits = {{0, 1, 2}, {2, 1, 0}};
  problem.targets = Matrix{{0.25, 0.375, 0.375}, {0.5, 0.25, 0.25}};
  const Result result = ComputeProblem<double>(problem).result;
  EXPECT_THAT(result.class_statistics->count, ElementsAre(1, 1, 0));
  EXPECT_THAT(result.class_statistics->correct_count, ElementsAre(1, 0, 0));
  EXPECT_THAT(result.class_statistics->predicted_count, ElementsAre(1, 0, 1));
  ExpectStatisticsAgree<double>(problem);
}

TEST(StatisticsTest, SigmoidColumnsCountPositivesAndAgreement) {
  Problem problem;
  problem.activation = Activation::kSigmoid;
  problem.logits = {{1, -1}, {-2, 3}, {0, 5}};
  problem.targets = Matrix{{1, 0.5}, {0, 1}, {0.75, 0.25}};
  const ClassStatistics columns = *ComputeProblem<double>(problem).result.class_statistics;
  // t ≥ 1/2 is positive, z > 0 predicts it.
  EXPECT_THAT(columns.count, ElementsAre(2, 2));
  EXPECT_THAT(columns.predicted_count, ElementsAre(1, 2));
  EXPECT_THAT(columns.correct_count, ElementsAre(2, 1));
  // p_t of t = 1/2 is 1/2, an edge between bins.
  (*problem.targets)(0, 1) = 0.625;
  (*problem.targets)(2, 0) = 1;
  problem.logits(2, 0) = 0.25;
  ExpectStatisticsAgree<double>(problem);
}

TEST(StatisticsTest, OneLogitRowsHaveANegativeAndAPositiveClass) {
  Problem problem;
  problem.activation = Activation::kSigmoid;
  problem.logits = {{1}, {-2}, {-0.5}, {3}};
  problem.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1}, {0}, {1}, {0}});
  const ClassStatistics columns = *ComputeProblem<double>(problem).result.class_statistics;
  EXPECT_THAT(columns.count, ElementsAre(2, 2));
  EXPECT_THAT(columns.predicted_count, ElementsAre(2, 2));
  EXPECT_THAT(columns.correct_count, ElementsAre(1, 1));
  ExpectStatisticsAgree<double>(problem);
  ExpectStatisticsAgree<float>(problem);
}

TEST(StatisticsTest, OneLogitRowsMayHaveOneClass) {
  Problem problem;
  problem.activation = Activation::kSigmoid;
  problem.logits = {{1}, {-2}, {-0.5}, {3}, {2}};
  problem.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1}, {0}, {1}, {0}, {0}});
  ProblemBatch<double> batch(problem);
  LossSpec spec = SpecOf(problem);
  spec.class_weighting.weights = {3, 3};
  const Result two =
      ComputeBatch<double>(batch.batch(), spec, OptionsOf(problem), Executor(1)).result;
  batch.batch().one_logit_classes = OneLogitClasses::kOne;
  spec.class_weighting.weights = {3};
  const Result one =
      ComputeBatch<double>(batch.batch(), spec, OptionsOf(problem), Executor(1)).result;

  EXPECT_EQ(one.loss_sum, two.loss_sum);
  EXPECT_THAT(one.class_weights, ElementsAre(3));
  const ClassStatistics& merged = *one.class_statistics;
  const ClassStatistics& halves = *two.class_statistics;
  EXPECT_THAT(merged.count, ElementsAre(2));
  EXPECT_THAT(merged.frequency, ElementsAre(1));
  EXPECT_THAT(merged.weight, ElementsAre(3));
  EXPECT_THAT(merged.predicted_count, ElementsAre(3));
  EXPECT_THAT(merged.correct_count, ElementsAre(2));
  EXPECT_THAT(merged.empty_classes, ElementsAre());
  EXPECT_THAT(merged.loss_sum, ElementsAre(halves.loss_sum[0] + halves.loss_sum[1]));
  EXPECT_THAT(merged.loss_share, ElementsAre(Near(1)));
  EXPECT_THAT(merged.gradient_share, ElementsAre(Near(1)));
  EXPECT_THAT(merged.mean_true_probability, ElementsAre(halves.mean_true_probability[1]));
}

TEST(StatisticsTest, OneClassIsWeighedByThePositives) {
  Problem problem;
  problem.activation = Activation::kSigmoid;
  problem.logits = {{1}, {-2}, {-0.5}};
  problem.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1}, {0}, {1}});
  ProblemBatch<double> batch(problem);
  batch.batch().one_logit_classes = OneLogitClasses::kOne;
  LossSpec spec = SpecOf(problem);
  SchemeWeights scheme;
  scheme.scheme = WeightScheme::kLogFrequency;
  spec.class_weighting.scheme = scheme;
  const Result result =
      ComputeBatch<double>(batch.batch(), spec, OptionsOf(problem), Executor(1)).result;
  // N = n = 2.
  EXPECT_THAT(result.class_weights, ElementsAre(Near(1 / std::log(2.02))));
}

// The statistics are of the weighted loss, before reduction, upstream and scale.
TEST(StatisticsTest, AgreesWithTheOracleForEveryFormAndKindOfLabel) {
  Random random(31);
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kOneHotTargets,
                                     LabelKind::kSoftTargets, LabelKind::kBinaryLabels}) {
        if (labels == LabelKind::kBinaryLabels && activation == Activation::kSoftmax) continue;
        Problem problem = Draw(activation, labels, {60, 7}, 3, random);
        SetForm(choice, &problem);
        problem.top_k = activation == Activation::kSoftmax ? std::vector<int32_t>{1, 3}
                                                           : std::vector<int32_t>{};
        ExpectStatisticsAgree<double>(problem);
        problem.weights = {1, 2, 0.5, 1, 3, 1, 1};
        for (size_t i = 0; i < 60; ++i) {
          problem.sample_weights.push_back(static_cast<double>(i % 3));
        }
        problem.reduction = oracle::Reduction::kMean;
        problem.gradient_scale = 128;
        if (choice.has_smoothing) problem.label_smoothing = 0.1;
        if (!problem.targets) problem.ignore_index = 1;
        ExpectStatisticsAgree<double>(problem);
        ExpectStatisticsAgree<float>(problem);
      }
    }
  }
}

TEST(StatisticsTest, UpstreamGradientChangesNoStatistic) {
  Random random(32);
  Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {20, 5}, 2, random);
  for (size_t i = 0; i < 20; ++i) {
    problem.upstream_gradient.push_back(static_cast<double>(i) - 7);
  }
  ExpectStatisticsAgree<double>(problem);
}

TEST(StatisticsTest, IgnoredSamplesDoNotVanish) {
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const double smoothing : {0.0, 0.125}) {
        if (smoothing > 0 && !choice.has_smoothing) continue;
        Problem problem;
        problem.activation = activation;
        SetForm(choice, &problem);
        // A sample of class 0 would be as wrong as can be.
        problem.logits = {{-30, 30}, {0, 0}};
        problem.class_ids = {9, 0};
        problem.ignore_index = 9;
        problem.label_smoothing = smoothing;
        const Result result = ComputeProblem<double>(problem).result;
        EXPECT_EQ(result.vanishing_count, 0) << Describe(problem);
        EXPECT_EQ(result.difficulty->hard_count, 0) << Describe(problem);
      }
    }
  }
}

TEST(StatisticsTest, NothingIsCountedThatWasNotAskedFor) {
  const Problem problem = RoundProbabilities();
  const ProblemBatch<double> batch(problem);
  const auto result =
      Compute(batch.batch(), SpecOf(problem), ComputeOptions(), Outputs(), Executor(1));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_FALSE(result->class_statistics.has_value());
  EXPECT_FALSE(result->difficulty.has_value());
  EXPECT_TRUE(result->top_k_correct.empty());
  EXPECT_TRUE(result->class_weights.empty());
  EXPECT_EQ(result->vanishing_count, 0);
  EXPECT_NEAR(result->loss_sum, std::log(2.5) + std::log(32.0) + std::log(1.6), 1e-14);
}

}  // namespace
}  // namespace lossd::loss
