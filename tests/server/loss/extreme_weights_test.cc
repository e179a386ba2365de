#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/loss/class_weights.h"
#include "server/loss/compare.h"
#include "server/loss/information.h"
#include "tests/oracle/class_weights.h"
#include "tests/oracle/evaluate.h"
#include "tests/oracle/information.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

// Weights of any size: what a mean divides out reaches no result, and what does not is rounded
// once.

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Form;
using oracle::Problem;
using oracle::Reduction;

constexpr double kSmallest = std::numeric_limits<double>::denorm_min();
constexpr double kLargest = std::numeric_limits<double>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <typename T>
class ExtremeWeightsTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ExtremeWeightsTest, ElementTypes);

// Checks |actual - expected| within a part of `scale`, and a few of the type's smallest numbers.
// `expected` is rounded to T: beyond its range it is an infinity.
template <typename T>
void ExpectNear(double actual, long double expected, long double scale, const std::string& what) {
  const auto rounded = static_cast<double>(static_cast<T>(expected));
  if (!std::isfinite(rounded) || !std::isfinite(actual)) {
    EXPECT_EQ(actual, rounded) << what;
    return;
  }
  const long double part = std::is_same_v<T, float> ? 2e-5L : 1e-12L;
  const long double smallest = 8.0L * std::numeric_limits<T>::denorm_min();
  EXPECT_LE(std::abs(actual - expected), part * scale + smallest)
      << what << " = " << actual << ", expected " << static_cast<double>(expected);
}

// Checks numbers that have a common scale, the largest of theirs.
template <typename T, typename Values, typename References>
void ExpectAllNear(const Values& values, const References& references, const std::string& what) {
  ASSERT_EQ(values.size(), references.size()) << what;
  long double scale = 0;
  for (const auto reference : references) {
    if (std::isfinite(reference))
      scale = std::max(scale, std::abs(static_cast<long double>(reference)));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    ExpectNear<T>(static_cast<double>(values[i]), *(references.begin() + static_cast<int64_t>(i)),
                  scale, absl::StrCat(what, "[", i, "]"));
  }
}

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

TEST(ExtremeSumsTest, OfHugeLossesHaveAMean) {
  Problem problem;
  problem.logits = {{0, 1.5e308}, {0, 1e308}, {0, 1.2e308}};
  problem.class_ids = {0, 0, 0};
  problem.reduction = Reduction::kMean;
  const Result result = ComputeProblem<double>(problem).result;
  EXPECT_DOUBLE_EQ(result.loss, 1.5e308 / 3 + 1e308 / 3 + 1.2e308 / 3);
  EXPECT_EQ(result.loss_sum, kInfinity);
  EXPECT_EQ(result.non_finite_count, 0);
}

TEST(ExtremeSumsTest, OfTargets) {
  Problem problem;
  problem.logits = {{0, 1, 2}};
  problem.targets = {{1.5e308, 1e308, 1.2e308}};
  problem.weights = {1, 2, 3};
  const Result huge = ComputeProblem<double>(problem).result;
  problem.targets = {{1.5, 1, 1.2}};
  const Result ordinary = ComputeProblem<double>(problem).result;
  EXPECT_DOUBLE_EQ(huge.difficulty->mean_true_probability,
                   ordinary.difficulty->mean_true_probability);
}

TEST(ExtremeSumsTest, OfAGradientsSquares) {
  Problem problem;
  problem.logits = {{0, 1, 2}};
  problem.class_ids = {0};
  const std::vector<LossSpec> specs = {SpecOf(problem)};
  const auto norm = [&](double weight) {
    problem.sample_weights = {weight};
    const ProblemBatch<double> arrays(problem);
    const auto compared = Compare(arrays.batch(), PointersTo(specs), ComputeOptions(), Executor(1));
    return compared.value()[0].gradient_norm;
  };
  EXPECT_DOUBLE_EQ(norm(0x1p-900), std::ldexp(norm(1), -900));
  EXPECT_DOUBLE_EQ(norm(0x1p900), std::ldexp(norm(1), 900));
}

TEST(ExtremeSumsTest, OfCounts) {
  constexpr std::pair<WeightScheme, oracle::SchemeName> kSchemes[] = {
      {WeightScheme::kBalanced, oracle::SchemeName::kBalanced},
      {WeightScheme::kInverseFrequency, oracle::SchemeName::kInverseFrequency},
      {WeightScheme::kInverseSquareRoot, oracle::SchemeName::kInverseSquareRoot},
      {WeightScheme::kEffectiveNumber, oracle::SchemeName::kEffectiveNumber},
      {WeightScheme::kMedianFrequency, oracle::SchemeName::kMedianFrequency},
      {WeightScheme::kLogFrequency, oracle::SchemeName::kLogFrequency},
  };
  constexpr std::pair<Normalization, oracle::SchemeNormalization> kNormalizations[] = {
      {Normalization::kOwn, oracle::SchemeNormalization::kOwn},
      {Normalization::kSumOne, oracle::SchemeNormalization::kSumOne},
      {Normalization::kExpectedOne, oracle::SchemeNormalization::kExpectedOne},
  };
  for (const std::vector<double>& counts :
       {std::vector<double>{1e-310, 3e-310, 0}, {8e307, 3e307, 1}, {1e-300, 1e300, 5}}) {
    for (const auto& [scheme, reference] : kSchemes) {
      for (const auto& [normalization, reference_normalization] : kNormalizations) {
        SchemeWeights weights;
        weights.scheme = scheme;
        weights.normalization = normalization;
        oracle::Scheme expected;
        expected.name = reference;
        expected.beta = weights.beta;
        expected.normalization = reference_normalization;
        auto references = oracle::SchemeClassWeights(counts, expected);
        for (auto& weight : references) {
          weight = std::min<std::decay_t<decltype(weight)>>(weight, kLargest);
        }
        ExpectAllNear<double>(ComputeClassWeights(counts, weights), references, "weights");
      }
    }
  }
}

// Counts whose sum is beyond double's range give finite weights and frequencies.
TEST(ExtremeSumsTest, OfCountsAreFinite) {
  const std::vector<double> counts = {1.5e308, 1.5e308, 1e-310, 0};
  for (const WeightScheme scheme :
       {WeightScheme::kBalanced, WeightScheme::kInverseFrequency, WeightScheme::kInverseSquareRoot,
        WeightScheme::kEffectiveNumber, WeightScheme::kMedianFrequency,
        WeightScheme::kLogFrequency}) {
    for (const Normalization normalization :
         {Normalization::kOwn, Normalization::kNone, Normalization::kMeanOne,
          Normalization::kSumOne, Normalization::kExpectedOne}) {
      SchemeWeights weights;
      weights.scheme = scheme;
      weights.normalization = normalization;
      const std::vector<double> actual = ComputeClassWeights(counts, weights);
      for (const double weight : actual) EXPECT_TRUE(std::isfinite(weight)) << weight;
      EXPECT_GT(actual[2], 0);
    }
  }
  EXPECT_EQ(ImbalanceRatio(counts), kLargest);
}

TEST(ExtremeSumsTest, OfAPriorsCounts) {
  Problem problem;
  problem.logits = {{0, 0, 0}};
  problem.class_ids = {2};
  LossSpec spec = SpecOf(problem);
  spec.logit_adjustment = PriorAdjustment{1, {1.5e308, 1.5e308, 3e307}};
  const ProblemBatch<double> arrays(problem);
  const auto actual = ComputeBatch<double>(arrays.batch(), spec, {}, Executor(1));
  EXPECT_DOUBLE_EQ(actual.losses[0], std::log(11.0));
}

TEST(ExtremeSumsTest, OfOutcomes) {
  const std::vector<double> p = {0.5, 0.25, 0.25};
  const std::vector<double> q = {1e-320, 1e300, 2e-310};
  InformationOptions options;
  options.source = DistributionSource::kWeights;
  const Information actual = MeasureInformation(p, q, 3, options);
  const oracle::Measures expected = oracle::Measure(p, q);
  ExpectNear<double>(actual.cross_entropy[0], expected.cross_entropy, 1e3, "cross_entropy");
  ExpectNear<double>(actual.kl_divergence[0], expected.kl_divergence, 1e3, "kl_divergence");
}

class ExtremeTemperatureTest : public ::testing::TestWithParam<double> {};
INSTANTIATE_TEST_SUITE_P(Temperatures, ExtremeTemperatureTest,
                         ::testing::Values(kSmallest, 1e-310, 1e-200, 1e200, 1e308));

// softmax(z / T) and its cross entropy in long double, which has room for every z / T.
struct Scaled3 {
  long double loss;
  std::vector<long double> gradient;
  std::vector<long double> hessian_diagonal;
};

Scaled3 CrossEntropyOf(const std::vector<double>& logits, size_t label, double temperature) {
  long double largest = -kInfinity;
  for (const double z : logits)
    largest = std::max(largest, z / static_cast<long double>(temperature));
  long double sum = 0;
  std::vector<long double> x;
  for (const double z : logits) {
    x.push_back(z / static_cast<long double>(temperature) - largest);
    sum += std::exp(x.back());
  }
  Scaled3 result = {std::log(sum) - x[label], {}, {}};
  for (size_t k = 0; k < logits.size(); ++k) {
    const long double p = std::exp(x[k]) / sum;
    result.gradient.push_back((p - (k == label ? 1 : 0)) / temperature);
    const long double others = (sum - std::exp(x[k])) / sum;
    result.hessian_diagonal.push_back(p * others / temperature / temperature);
  }
  return result;
}

TEST_P(ExtremeTemperatureTest, IsThatOfItsLimit) {
  const double temperature = GetParam();
  for (const std::vector<double>& logits :
       {std::vector<double>{3, 1, 3}, {-1, -2, -3}, {0.5, 4, 1}, {1e-9, 2e-9, -1e-9}}) {
    Problem problem;
    problem.logits = {{logits[0], logits[1], logits[2]}};
    problem.class_ids = {0};
    LossSpec spec = SpecOf(problem);
    spec.temperature = temperature;
    for (const double gradient_scale : {1.0, temperature}) {
      ComputeOptions options = OptionsOf(problem);
      options.gradient_scale = gradient_scale;
      const ProblemBatch<double> arrays(problem);
      const auto actual = ComputeBatch<double>(arrays.batch(), spec, options, Executor(1));
      const Scaled3 expected = CrossEntropyOf(logits, 0, temperature);
      ExpectNear<double>(actual.losses[0], expected.loss, std::abs(expected.loss), "loss");
      EXPECT_EQ(actual.result.non_finite_count,
                std::isfinite(static_cast<double>(expected.loss)) ? 0 : 1);
      std::vector<long double> gradient;
      for (const long double g : expected.gradient) gradient.push_back(g * gradient_scale);
      ExpectAllNear<double>(actual.gradient, gradient, "gradient");
      ExpectAllNear<double>(actual.hessian_diagonal, expected.hessian_diagonal, "hessian");
    }
  }
}

TEST(ExtremeSoftcapTest, KeepsSmallLogits) {
  Problem problem;
  problem.logits = {{0.25, 1e-9, -3}};
  problem.class_ids = {0};
  LossSpec spec = SpecOf(problem);
  const ProblemBatch<double> arrays(problem);
  const auto plain = ComputeBatch<double>(arrays.batch(), spec, {}, Executor(1));
  spec.softcap = kLargest;
  const auto capped = ComputeBatch<double>(arrays.batch(), spec, {}, Executor(1));
  EXPECT_DOUBLE_EQ(capped.losses[0], plain.losses[0]);
  spec.softcap = kSmallest;
  const auto flat = ComputeBatch<double>(arrays.batch(), spec, {}, Executor(1));
  EXPECT_DOUBLE_EQ(flat.losses[0], std::log(3.0));
}

}  // namespace
}  // namespace lossd::loss
