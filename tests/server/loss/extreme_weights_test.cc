#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/oracle/evaluate.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/extreme_numbers.h"
#include "tests/server/loss/problem_batch.h"

// Weights of any size: what a mean divides out reaches no result, and what does not is rounded
// once.

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Form;
using oracle::Problem;
using oracle::Reduction;

template <typename T>
class ExtremeWeightsTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ExtremeWeightsTest, ElementTypes);

template <typename T>
void ExpectExact(const Problem& problem) {
  SCOPED_TRACE(Describe(problem));
  const oracle::Answer expected = oracle::Evaluate(problem);
  const Computed<T> actual = ComputeProblem<T>(problem);
  ExpectAllNear<T>(actual.losses, expected.losses, "losses");
  ExpectAllNear<T>(actual.gradient, expected.gradient, "gradient");
  ExpectAllNear<T>(actual.hessian_diagonal, expected.hessian_diagonal, "hessian_diagonal");
  const Result& result = actual.result;
  const long double part = std::is_same_v<T, float> ? 1e6L : 1;  // of a float's digits
  const auto expect_scalar = [&](double value, double reference, const char* what) {
    ExpectNear<double>(value, reference, part * 20 * std::abs(reference), what);
  };
  expect_scalar(result.loss, expected.loss, "loss");
  expect_scalar(result.loss_sum, expected.loss_sum, "loss_sum");
  expect_scalar(result.weight_sum, expected.weight_sum, "weight_sum");
  EXPECT_EQ(result.valid_count, expected.valid_count);
  EXPECT_EQ(result.non_finite_count,
            std::count_if(expected.losses.begin(), expected.losses.end(),
                          [](long double loss) { return !std::isfinite(static_cast<T>(loss)); }));
  const oracle::ClassColumns& table = expected.class_statistics;
  if (!std::is_same_v<T, float>) {
    ExpectAllNear<double>(result.class_statistics->loss_sum, table.loss_sum, "class loss_sum");
  }
  ExpectAllNear<T>(result.class_statistics->loss_share, table.loss_share, "loss_share");
  ExpectAllNear<T>(result.class_statistics->gradient_share, table.gradient_share, "gradient_share");
  ExpectAllNear<T>(result.difficulty->loss_share, expected.difficulty.loss_share,
                   "difficulty.loss_share");
  EXPECT_EQ(result.vanishing_count, expected.vanishing_count);
}

std::vector<Problem> DrawProblems(Random& random) {
  std::vector<Problem> problems;
  for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
    for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
      for (const Form form : {Form::kCrossEntropy, Form::kFocal, Form::kSquaredError}) {
        Problem problem = Draw(activation, labels, {7, 3}, 2, random);
        problem.form = form;
        problems.push_back(problem);
        if (labels == LabelKind::kSoftTargets) continue;
        problem.label_smoothing = 0.1;
        problems.push_back(problem);
      }
    }
  }
  return problems;
}

// Weights that differ, all about `size`, and a 0.
std::vector<double> WeightsAbout(double size, size_t count) {
  std::vector<double> weights;
  for (size_t i = 0; i < count; ++i) {
    weights.push_back(static_cast<double>(i % 4) * (size > 1 ? 0.25 : 1) * size);
  }
  return weights;
}

constexpr Reduction kReductions[] = {Reduction::kNone, Reduction::kSum, Reduction::kMean,
                                     Reduction::kMeanValid};
constexpr double kSizes[] = {kSmallest, 1e-310, 1e-200, 1e-30, 1e30, 1e200, 1.2e308, kLargest};

TYPED_TEST(ExtremeWeightsTest, OfSamples) {
  Random random(11);
  for (Problem& problem : DrawProblems(random)) {
    for (const Reduction reduction : kReductions) {
      for (const double size : kSizes) {
        problem.reduction = reduction;
        problem.sample_weights = WeightsAbout(size, problem.samples());
        ExpectExact<TypeParam>(problem);
      }
    }
  }
}

TYPED_TEST(ExtremeWeightsTest, OfClassesBesideThoseOfSamples) {
  Random random(12);
  for (Problem& problem : DrawProblems(random)) {
    for (const Reduction reduction : kReductions) {
      for (const double size : {1e-310, 1e-160, 1e160, 1e305}) {
        for (const double of_samples : {1e-310, 1 / size, 1.0, 1e100}) {
          if (!std::isfinite(of_samples)) continue;
          problem.reduction = reduction;
          problem.weights = {size, 0.5 * size, 3 * size};
          problem.sample_weights = WeightsAbout(of_samples, problem.samples());
          ExpectExact<TypeParam>(problem);
        }
      }
    }
  }
}

TYPED_TEST(ExtremeWeightsTest, BesideANormalizerAndAGradientScale) {
  Random random(13);
  for (Problem& problem : DrawProblems(random)) {
    for (const double size : {1e-310, 1e-250, 1e250}) {
      problem.reduction = Reduction::kMean;
      problem.sample_weights = WeightsAbout(size, problem.samples());
      problem.normalizer = 5 * size;
      ExpectExact<TypeParam>(problem);
      problem.normalizer = 1;
      problem.gradient_scale = 1 / size;
      if (std::isfinite(problem.gradient_scale)) ExpectExact<TypeParam>(problem);
      problem.gradient_scale = 1;
    }
  }
}

// A row's bits do not depend on what others weigh.
TYPED_TEST(ExtremeWeightsTest, LeaveTheBitsOfOtherSamplesAlone) {
  Random random(14);
  for (Problem& problem : DrawProblems(random)) {
    problem.sample_weights.assign(problem.samples(), 0.3);
    problem.upstream_gradient.assign(problem.samples(), 0.7);
    problem.gradient_scale = 1.1;
    problem.weights = {0.7, 1.3, 0.9};
    const Computed<TypeParam> ordinary = ComputeProblem<TypeParam>(problem);
    problem.sample_weights[0] = 1e300;
    const Computed<TypeParam> beside = ComputeProblem<TypeParam>(problem);
    for (size_t i = 1; i < ordinary.losses.size(); ++i) {
      EXPECT_EQ(ordinary.losses[i], beside.losses[i]) << Describe(problem);
    }
    for (size_t i = problem.classes(); i < ordinary.gradient.size(); ++i) {
      EXPECT_EQ(ordinary.gradient[i], beside.gradient[i]) << Describe(problem);
      EXPECT_EQ(ordinary.hessian_diagonal[i], beside.hessian_diagonal[i]) << Describe(problem);
    }
  }
}

// Weights that differ by a power of two have the same mean, to the bit.
TYPED_TEST(ExtremeWeightsTest, OfAnyPowerOfTwoHaveOneMean) {
  Random random(15);
  for (Problem& problem : DrawProblems(random)) {
    problem.reduction = Reduction::kMean;
    problem.sample_weights = WeightsAbout(0.25, problem.samples());
    const Computed<TypeParam> one = ComputeProblem<TypeParam>(problem);
    for (const int exponent : {-1000, -300, 300, 1000}) {
      for (size_t i = 0; i < problem.samples(); ++i) {
        problem.sample_weights[i] = std::ldexp(0.25 * static_cast<double>(i % 4), exponent);
      }
      const Computed<TypeParam> other = ComputeProblem<TypeParam>(problem);
      EXPECT_EQ(other.result.loss, one.result.loss) << Describe(problem);
      EXPECT_EQ(other.result.class_statistics->loss_share, one.result.class_statistics->loss_share);
    }
  }
}

TYPED_TEST(ExtremeWeightsTest, OfMinedSamples) {
  Random random(16);
  Problem problem = Draw(Activation::kSoftmax, LabelKind::kClassIds, {40, 3}, 2, random);
  for (const Mining& mining :
       {Mining(HardestMining{0.5, std::nullopt}), Mining(GradientHarmonizing{10})}) {
    LossSpec spec = SpecOf(problem);
    spec.mining = mining;
    ComputeOptions options = OptionsOf(problem);
    options.reduction = loss::Reduction::kMean;
    std::vector<double> losses;
    for (const double size : {1.0, 0x1p-1060, 0x1p1020}) {
      problem.sample_weights.assign(problem.samples(), size);
      const ProblemBatch<TypeParam> arrays(problem);
      const Executor executor(1);
      losses.push_back(
          ComputeBatch<TypeParam>(arrays.batch(), spec, options, executor).result.loss);
    }
    EXPECT_EQ(losses[1], losses[0]);
    EXPECT_EQ(losses[2], losses[0]);
  }
}

// Each result is right by its own size, beside others of any.
TYPED_TEST(ExtremeWeightsTest, OfMixedSizes) {
  constexpr double kHuge = std::is_same_v<TypeParam, float> ? 1e30 : 1e200;
  Problem problem;
  problem.logits = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  problem.class_ids = {0, 1, 2};
  problem.sample_weights = {kHuge, 1 / kHuge, 2 / kHuge};
  const double loss = std::log(1 + 2 / std::exp(1.0));
  const Result result = ComputeProblem<TypeParam>(problem).result;
  const std::vector<double> sums = result.class_statistics.value_or(ClassStatistics()).loss_sum;
  ASSERT_EQ(sums.size(), 3);
  for (size_t k = 0; k < 3; ++k) {
    const double expected = problem.sample_weights[k] * loss;
    EXPECT_NEAR(sums[k] / expected, 1, 1e-6) << k;
  }
  LossSpec spec = SpecOf(problem);
  spec.mining = HardestMining{std::nullopt, 2};
  const ProblemBatch<TypeParam> arrays(problem);
  const auto mined = ComputeBatch<TypeParam>(arrays.batch(), spec, OptionsOf(problem), Executor(1));
  EXPECT_GT(mined.losses[0], 0);
  EXPECT_EQ(mined.losses[1], 0);
  EXPECT_GT(mined.losses[2], 0);
}

TYPED_TEST(ExtremeWeightsTest, BesideAZLoss) {
  Problem problem;
  problem.logits = {{100, 0}};
  problem.class_ids = {0};
  for (const double size : {kSmallest, 1e-310, 1e-36, 1e-20}) {
    problem.weights = {size, size};
    problem.reduction = Reduction::kSum;
    LossSpec spec = SpecOf(problem);
    spec.z_loss = 1;
    const ProblemBatch<TypeParam> arrays(problem);
    const auto actual =
        ComputeBatch<TypeParam>(arrays.batch(), spec, OptionsOf(problem), Executor(1));
    EXPECT_FLOAT_EQ(static_cast<float>(actual.losses[0]), 1e4F) << size;
    EXPECT_FLOAT_EQ(static_cast<float>(actual.result.loss), 1e4F) << size;
    EXPECT_FLOAT_EQ(static_cast<float>(actual.result.class_statistics->loss_sum[0]), 1e4F) << size;
    EXPECT_FLOAT_EQ(static_cast<float>(actual.gradient[0]), 200.F) << size;
  }
}

TYPED_TEST(ExtremeWeightsTest, OfClassesThatLabelSmoothingMeets) {
  Problem problem;
  problem.logits = {{2, -1}};
  problem.class_ids = {0};
  problem.label_smoothing = 0.1;
  problem.reduction = Reduction::kSum;
  for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    problem.activation = activation;
    for (const Form form : {Form::kCrossEntropy, Form::kFocal, Form::kSquaredError}) {
      problem.form = form;
      for (const std::vector<double>& weights :
           {std::vector<double>{1e-42, 1}, {1, 1e-42}, {1e-300, 1e200}, {1e-315, 1e308}}) {
        problem.weights = weights;
        ExpectExact<TypeParam>(problem);
      }
    }
  }
}

// A product that leaves the type's range on its way to a result that does not.
TYPED_TEST(ExtremeWeightsTest, OfElementsThatAreNearlySure) {
  Problem problem;
  problem.activation = Activation::kSigmoid;
  problem.logits = {{60, -50}, {-40, 30}};
  problem.reduction = Reduction::kSum;
  for (const bool soft : {false, true}) {
    if (soft) problem.targets = {{1, 0}, {0, 0.5}};
    if (!soft) problem.binary_labels = {{1, 0}, {0, 1}};
    for (const double size : {1e-42, 1e-30, 1e30, 1e45, 1e200}) {
      problem.sample_weights.assign(4, size);
      ExpectExact<TypeParam>(problem);
      problem.weights = {1e15, 1e-20};
      ExpectExact<TypeParam>(problem);
      problem.weights.clear();
    }
    problem.binary_labels.reset();
  }
}

TYPED_TEST(ExtremeWeightsTest, BesideAnUpstreamGradient) {
  Problem problem;
  problem.logits = {{2, -1}};
  problem.class_ids = {0};
  problem.reduction = Reduction::kSum;
  for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
    problem.activation = activation;
    for (const double u : {1e250, -1e250, 1e-250}) {
      problem.sample_weights.assign(problem.samples(), u * u > 1 ? 1e100 : 1e-100);
      problem.upstream_gradient.assign(problem.samples(), u);
      problem.gradient_scale = u * u > 1 ? 1e-100 : 1e100;
      ExpectExact<TypeParam>(problem);
    }
  }
}

TYPED_TEST(ExtremeWeightsTest, LeaveALossOf0Alone) {
  Problem problem;
  problem.logits = {{1000, 0}};
  problem.targets = {{1, 0}};
  problem.weights = {1e200, 1e200};
  problem.sample_weights = {1e200};
  const auto computed = ComputeProblem<TypeParam>(problem);
  EXPECT_EQ(computed.losses[0], 0);
  EXPECT_EQ(computed.result.loss_sum, 0);
  EXPECT_EQ(computed.result.non_finite_count, 0);
}

// Classes that weigh nothing leave ordinary batches ordinary.
TYPED_TEST(ExtremeWeightsTest, OfNothing) {
  Problem problem;
  problem.logits = {{3, 0, 1}, {1, 2, 0}};
  problem.class_ids = {0, 1};
  problem.weights = {0, 0, 1};
  for (const Reduction reduction : kReductions) {
    problem.reduction = reduction;
    for (const double smoothing : {0.0, 0.1}) {
      problem.label_smoothing = smoothing;
      ExpectExact<TypeParam>(problem);
    }
  }
}

}  // namespace
}  // namespace lossd::loss
