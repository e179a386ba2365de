// Sums of numbers of any size.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/loss/class_weights.h"
#include "server/loss/compare.h"
#include "server/loss/information.h"
#include "tests/oracle/class_weights.h"
#include "tests/oracle/information.h"
#include "tests/server/loss/extreme_numbers.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using oracle::Problem;
using oracle::Reduction;

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

}  // namespace
}  // namespace lossd::loss
