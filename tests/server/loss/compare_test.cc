#include "server/loss/compare.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/oracle/evaluate.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Matrix;
using oracle::Problem;
using ::testing::IsEmpty;
using ::testing::SizeIs;

LossSpec SpecNamed(const char* name, Activation activation) {
  LossSpec spec;
  spec.activation = activation;
  spec.form = FindForm(name);
  spec.parameters = DefaultParameters(*spec.form);
  return spec;
}

double Norm(const Matrix& gradient) {
  double sum = 0;
  for (const double g : gradient) sum += g * g;
  return std::sqrt(sum);
}

TEST(CompareTest, SeesThatSquaredErrorVanishesWhereCrossEntropyDoesNot) {
  Problem problem;
  problem.logits = {{-20, 0}, {3, 0}, {-1, 0}};
  problem.class_ids = {0, 0, 0};
  const std::vector<LossSpec> specs = {SpecNamed("cross_entropy", Activation::kSoftmax),
                                       SpecNamed("squared_error", Activation::kSoftmax)};
  const ProblemBatch<double> batch(problem);
  const auto comparisons = Compare(batch.batch(), PointersTo(specs), ComputeOptions(), Executor(1));
  ASSERT_TRUE(comparisons.ok()) << comparisons.status();
  ASSERT_THAT(*comparisons, SizeIs(2));
  EXPECT_EQ((*comparisons)[0].result.vanishing_count, 0);
  EXPECT_EQ((*comparisons)[1].result.vanishing_count, 1);
}

// Vanishing is about the form: weights, reduction and sample weights neither hide nor make it.
TEST(CompareTest, VanishingIsCountedWithoutWeightsAndReduction) {
  Problem problem;
  problem.logits = {{-20, 0}, {-20, 0}, {0, -20}};
  problem.class_ids = {0, 0, 0};
  problem.weights = {1e-6, 1};
  problem.sample_weights = {1e-6, 1e9, 1};
  problem.reduction = oracle::Reduction::kMean;
  LossSpec cross_entropy = SpecOf(problem);
  problem.form = oracle::Form::kSquaredError;
  LossSpec squared_error = SpecOf(problem);
  squared_error.class_weighting.weights = {1e12, 1};
  for (const auto activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    cross_entropy.activation = squared_error.activation = activation;
    const ProblemBatch<float> batch(problem);
    Batch unweighed = batch.batch();
    if (activation == Activation::kSigmoid) unweighed.sample_weights = {};
    const auto comparisons = Compare(unweighed, PointersTo({cross_entropy, squared_error}),
                                     OptionsOf(problem), Executor(1));
    ASSERT_TRUE(comparisons.ok()) << comparisons.status();
    EXPECT_EQ((*comparisons)[0].result.vanishing_count, 0);
    EXPECT_EQ((*comparisons)[1].result.vanishing_count, 2);
  }
}

// Nor does the square of the temperature depend on how large the sample weights are.
TEST(CompareTest, VanishingIsCountedAlikeForAnySampleWeights) {
  Problem problem;
  problem.logits = {{-20000, 0}, {0, -20000}};
  problem.targets = oracle::Matrix{{1, 0}, {1, 0}};
  problem.temperature = 1024;
  problem.scale_by_squared_temperature = true;
  for (const auto activation : {oracle::Activation::kSoftmax, oracle::Activation::kSigmoid}) {
    problem.activation = activation;
    const LossSpec spec = SpecOf(problem);
    for (const double weight : {1.0, 1e200}) {
      problem.sample_weights = {weight, weight};
      const ProblemBatch<double> batch(problem);
      const auto comparisons =
          Compare(batch.batch(), PointersTo({spec}), OptionsOf(problem), Executor(1));
      ASSERT_TRUE(comparisons.ok()) << comparisons.status();
      EXPECT_EQ((*comparisons)[0].result.vanishing_count, 0) << weight;
    }
  }
}

TEST(CompareTest, EachLossIsComputedAsItIsAlone) {
  Random random(41);
  Problem problem = Draw(oracle::Activation::kSoftmax, LabelKind::kClassIds, {50, 6}, 3, random);
  problem.reduction = oracle::Reduction::kMean;
  problem.ignore_index = 2;
  problem.weights = {1, 2, 0.5, 1, 1, 3};
  std::vector<Problem> problems;
  std::vector<LossSpec> specs;
  for (const FormChoice& choice : FormChoices()) {
    for (const oracle::Activation activation : ActivationsOf(choice)) {
      SetForm(choice, &problem);
      problem.activation = activation;
      problems.push_back(problem);
      specs.push_back(SpecOf(problem));
    }
  }
  const ProblemBatch<double> batch(problem);
  ComputeOptions options = OptionsOf(problem);
  const auto comparisons = Compare(batch.batch(), PointersTo(specs), options, Executor(2));
  ASSERT_TRUE(comparisons.ok()) << comparisons.status();
  ASSERT_THAT(*comparisons, SizeIs(specs.size()));
  for (size_t n = 0; n < specs.size(); ++n) {
    SCOPED_TRACE(Describe(problems[n]));
    const Comparison& actual = (*comparisons)[n];
    const Result alone = ComputeProblem<double>(problems[n]).result;
    EXPECT_EQ(actual.result.loss, alone.loss);
    EXPECT_EQ(actual.result.loss_sum, alone.loss_sum);
    EXPECT_EQ(actual.result.vanishing_count, alone.vanishing_count);
    EXPECT_EQ(actual.result.class_statistics->loss_sum, alone.class_statistics->loss_sum);
    EXPECT_EQ(actual.result.difficulty->gradient_share, alone.difficulty->gradient_share);
    const double norm = Norm(oracle::Evaluate(problems[n]).gradient);
    EXPECT_NEAR(actual.gradient_norm, norm, 1e-12 * norm);
  }
}

TEST(CompareTest, TheGradientScaleIsNotUsed) {
  Random random(42);
  const Problem problem =
      Draw(oracle::Activation::kSoftmax, LabelKind::kClassIds, {10, 4}, 2, random);
  const ProblemBatch<float> batch(problem);
  const std::vector<LossSpec> specs = {SpecOf(problem)};
  ComputeOptions options;
  const auto plain = Compare(batch.batch(), PointersTo(specs), options, Executor(1));
  options.gradient_scale = 1000;
  const auto scaled = Compare(batch.batch(), PointersTo(specs), options, Executor(1));
  ASSERT_TRUE(plain.ok() && scaled.ok());
  EXPECT_EQ(plain->front().gradient_norm, scaled->front().gradient_norm);
  const double norm = Norm(oracle::Evaluate(problem).gradient);
  EXPECT_NEAR(plain->front().gradient_norm, norm, 1.2e-6 * norm);
}

TEST(CompareTest, StatisticsComeOnlyWhenAskedFor) {
  Problem problem;
  problem.logits = {{1, 0}};
  problem.class_ids = {0};
  const ProblemBatch<double> batch(problem);
  const auto comparisons =
      Compare(batch.batch(), PointersTo({SpecOf(problem)}), ComputeOptions(), Executor(1));
  ASSERT_TRUE(comparisons.ok());
  EXPECT_FALSE(comparisons->front().result.class_statistics.has_value());
  EXPECT_FALSE(comparisons->front().result.difficulty.has_value());
}

TEST(CompareTest, NoLossesGiveNoComparisons) {
  Problem problem;
  problem.logits = {{1, 0}};
  problem.class_ids = {0};
  const ProblemBatch<double> batch(problem);
  const auto comparisons = Compare(batch.batch(), {}, ComputeOptions(), Executor(1));
  ASSERT_TRUE(comparisons.ok());
  EXPECT_THAT(*comparisons, IsEmpty());
}

TEST(CompareTest, StopsWhenItIsCancelled) {
  Problem problem;
  problem.logits = {{1, 0}};
  problem.class_ids = {0};
  const ProblemBatch<double> batch(problem);
  ComputeOptions options;
  options.cancelled = [] { return true; };
  EXPECT_EQ(
      Compare(batch.batch(), PointersTo({SpecOf(problem)}), options, Executor(1)).status().code(),
      absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace lossd::loss
