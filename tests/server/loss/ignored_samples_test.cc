#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/loss/class_counts.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

// One rule for all samples that are ignored, by a weight of 0, by index or by mining: their outputs
// are 0, they count nowhere, and nothing of them is read.

namespace lossd::loss {
namespace {

using oracle::Activation;
using oracle::Problem;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <typename T>
class IgnoredSamplesTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(IgnoredSamplesTest, ElementTypes);

// Tells whether a sample is ignored, by weight or by index.
bool IsIgnored(const Problem& problem, size_t sample) {
  const size_t per_row = problem.samples() / problem.rows();
  const std::vector<double>& s = problem.sample_weights;
  if (!s.empty() && s[sample / (problem.samples() / s.size())] == 0) return true;
  if (problem.class_ids) return (*problem.class_ids)[sample / per_row] == problem.ignore_index;
  return problem.binary_labels && problem.binary_labels->data()[sample] == problem.ignore_index;
}

bool WeighsNothing(const Problem& problem, size_t sample) {
  return IsIgnored(problem, sample) && (!problem.ignore_index || problem.targets);
}

// Returns the problem with garbage in all that its ignored samples have.
Problem WithGarbage(const Problem& problem) {
  Problem garbage = problem;
  const size_t classes = problem.classes();
  const size_t per_row = problem.samples() / problem.rows();
  for (size_t sample = 0; sample < problem.samples(); ++sample) {
    if (!IsIgnored(problem, sample)) continue;
    const size_t row = sample / per_row;
    const size_t begin = per_row == 1 ? row * classes : sample;
    for (size_t i = begin; i < begin + classes / per_row; ++i) {
      garbage.logits.data()[i] = i % 2 == 0 ? kNan : -std::numeric_limits<double>::infinity();
      if (garbage.targets) garbage.targets->data()[i] = i % 3 == 0 ? 255 : kNan;
    }
    if (garbage.binary_labels && WeighsNothing(problem, sample)) {
      garbage.binary_labels->data()[sample] = -7;
    }
    if (garbage.class_ids && per_row == 1 && WeighsNothing(problem, sample)) {
      (*garbage.class_ids)[row] = sample % 2 == 0 ? std::numeric_limits<int64_t>::min() : 1 << 30;
    }
    if (!garbage.upstream_gradient.empty()) garbage.upstream_gradient[sample] = kNan;
  }
  return garbage;
}

template <typename T>
void ExpectSameBits(const std::vector<T>& a, const std::vector<T>& b, const char* what) {
  ASSERT_EQ(a.size(), b.size()) << what;
  EXPECT_TRUE(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0) << what;
}

template <typename T>
void ExpectSameBits(const Computed<T>& a, const Computed<T>& b) {
  ExpectSameBits(a.losses, b.losses, "losses");
  ExpectSameBits(a.gradient, b.gradient, "gradient");
  ExpectSameBits(a.hessian_diagonal, b.hessian_diagonal, "hessian_diagonal");
  ExpectSameBits(a.probabilities, b.probabilities, "probabilities");
  ExpectSameBits(a.log_sum_exp, b.log_sum_exp, "log_sum_exp");
  ExpectSameBits(a.margin, b.margin, "margin");
  const Result& x = a.result;
  const Result& y = b.result;
  EXPECT_EQ(x.loss, y.loss);
  EXPECT_EQ(x.loss_sum, y.loss_sum);
  EXPECT_EQ(x.weight_sum, y.weight_sum);
  EXPECT_EQ(x.valid_count, y.valid_count);
  EXPECT_EQ(x.non_finite_count, 0);
  EXPECT_EQ(x.class_weights, y.class_weights);
  EXPECT_EQ(x.top_k_correct, y.top_k_correct);
  EXPECT_EQ(x.vanishing_count, y.vanishing_count);
  EXPECT_EQ(x.class_statistics->count, y.class_statistics->count);
  EXPECT_EQ(x.class_statistics->loss_sum, y.class_statistics->loss_sum);
  EXPECT_EQ(x.class_statistics->gradient_share, y.class_statistics->gradient_share);
  EXPECT_EQ(x.class_statistics->mean_true_probability, y.class_statistics->mean_true_probability);
  EXPECT_EQ(x.class_statistics->correct_count, y.class_statistics->correct_count);
  EXPECT_EQ(x.class_statistics->predicted_count, y.class_statistics->predicted_count);
  EXPECT_EQ(x.difficulty->count, y.difficulty->count);
  EXPECT_EQ(x.difficulty->loss_share, y.difficulty->loss_share);
  EXPECT_EQ(x.difficulty->mean_true_probability, y.difficulty->mean_true_probability);
}

// Expects every output of an ignored sample to be 0, or the floor of a positive Hessian.
template <typename T>
void ExpectNothingOfIgnored(const Problem& problem, const Computed<T>& computed) {
  const size_t per_row = problem.samples() / problem.rows();
  const size_t extent = problem.classes() / per_row;
  const T floor = problem.hessian_mode == oracle::HessianMode::kPositive ? T(1e-16) : T(0);
  for (size_t sample = 0; sample < problem.samples(); ++sample) {
    if (!IsIgnored(problem, sample)) continue;
    EXPECT_EQ(computed.losses[sample], T(0)) << sample;
    EXPECT_EQ(computed.margin[sample], T(0)) << sample;
    if (per_row == 1) {
      EXPECT_EQ(computed.log_sum_exp[sample], T(0)) << sample;
    }
    for (size_t i = sample * extent; i < (sample + 1) * extent; ++i) {
      EXPECT_EQ(computed.gradient[i], T(0)) << sample;
      EXPECT_EQ(computed.hessian_diagonal[i], floor) << sample;
      EXPECT_EQ(computed.probabilities[i], T(0)) << sample;
    }
  }
}

Mining MiningOf(size_t index) {
  switch (index % 4) {
    case 1:
      return HardestMining{0.5, std::nullopt};
    case 2:
      return ThresholdMining{0.6, 3};
    case 3:
      return GradientHarmonizing{7};
    default:
      return std::monostate();
  }
}

template <typename T>
Computed<T> ComputeMined(const Problem& problem, const Mining& mining, int64_t inner) {
  ProblemBatch<T> batch(problem);
  batch.batch().inner = inner;
  LossSpec spec = SpecOf(problem);
  spec.mining = mining;
  return ComputeBatch<T>(batch.batch(), spec, OptionsOf(problem), Executor(2));
}

template <typename T>
void ExpectOneRule(const Problem& problem, const Mining& mining) {
  SCOPED_TRACE(Describe(problem));
  const Computed<T> expected = ComputeMined<T>(problem, mining, 1);
  ExpectNothingOfIgnored(problem, expected);
  ExpectSameBits(ComputeMined<T>(WithGarbage(problem), mining, 1), expected);
  if (!std::holds_alternative<std::monostate>(mining)) return;
  ExpectAgrees<T>(WithGarbage(problem));
}

// Draws samples of weights 0, 0.5, 1 and 1.5, some of them ignored by index as well.
Problem DrawWeighed(Activation activation, LabelKind labels, Shape shape, Random& random) {
  Problem problem = Draw(activation, labels, shape, 2, random);
  for (size_t i = 0; i < problem.samples(); ++i) {
    problem.sample_weights.push_back(static_cast<double>(random() % 4) / 2);
    problem.upstream_gradient.push_back(1 + static_cast<double>(i % 3));
  }
  if (activation == Activation::kSoftmax) problem.top_k = {1, 2};
  return problem;
}

TYPED_TEST(IgnoredSamplesTest, GarbageInThemChangesNoBit) {
  Random random(71);
  size_t turn = 0;
  for (const FormChoice& choice : FormChoices()) {
    for (const Activation activation : ActivationsOf(choice)) {
      for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kOneHotTargets,
                                     LabelKind::kSoftTargets, LabelKind::kBinaryLabels}) {
        if (labels == LabelKind::kBinaryLabels && activation == Activation::kSoftmax) continue;
        for (const size_t classes : std::vector<size_t>{3, 70}) {
          ++turn;
          Problem problem = DrawWeighed(activation, labels, {40, classes}, random);
          SetForm(choice, &problem);
          if (turn % 2 == 0 && choice.has_smoothing) problem.label_smoothing = 0.125;
          if (turn % 3 == 0) problem.hessian_mode = oracle::HessianMode::kPositive;
          if (turn % 5 == 0) {
            problem.scheme = oracle::Scheme{oracle::SchemeName::kBalanced, 0.9,
                                            oracle::SchemeNormalization::kOwn};
          }
          ExpectOneRule<TypeParam>(problem, MiningOf(turn));
          problem.upstream_gradient.clear();
          problem.reduction =
              turn % 2 == 0 ? oracle::Reduction::kMean : oracle::Reduction::kMeanValid;
          ExpectOneRule<TypeParam>(problem, {});
        }
      }
    }
  }
}

TYPED_TEST(IgnoredSamplesTest, GarbageInThemChangesNoBitBesideIgnoreIndex) {
  Random random(72);
  for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kBinaryLabels}) {
    for (const Activation activation : {Activation::kSoftmax, Activation::kSigmoid}) {
      if (labels == LabelKind::kBinaryLabels && activation == Activation::kSoftmax) continue;
      Problem problem = DrawWeighed(activation, labels, {50, 6}, random);
      problem.ignore_index = 1;
      ExpectOneRule<TypeParam>(problem, {});
      problem.sample_weights.clear();
      ExpectOneRule<TypeParam>(problem, {});
      problem.label_smoothing = 0.25;
      ExpectOneRule<TypeParam>(problem, {});
    }
  }
}

// The same rows wherever their classes lie; 128 rows side by side are read in place, 4 are not.
TYPED_TEST(IgnoredSamplesTest, GarbageInThemChangesNoBitInEveryLayout) {
  using T = TypeParam;
  Random random(73);
  for (const LabelKind labels : {LabelKind::kClassIds, LabelKind::kSoftTargets}) {
    for (const int64_t inner : {4, 128}) {
      Problem problem = DrawWeighed(Activation::kSoftmax, labels, {256, 5}, random);
      const auto plain = ComputeMined<T>(problem, {}, inner);
      Problem garbage = problem;
      const auto stride = static_cast<size_t>(inner);
      size_t ignored = 0;
      for (size_t row = 0; row < problem.rows(); ++row) {
        if (!IsIgnored(problem, row)) continue;
        ++ignored;
        const size_t first = row / stride * stride * 5 + row % stride;
        for (size_t k = 0; k < 5; ++k) {
          garbage.logits.data()[first + k * stride] = kNan;
          EXPECT_EQ(plain.probabilities[first + k * stride], T(0));
          if (garbage.targets) (*garbage.targets)(row, k) = kNan;
        }
        if (garbage.class_ids) (*garbage.class_ids)[row] = -1;
        garbage.upstream_gradient[row] = kNan;
        EXPECT_EQ(plain.log_sum_exp[row], T(0));
      }
      EXPECT_GT(ignored, 30U);
      ExpectSameBits(ComputeMined<T>(garbage, {}, inner), plain);
      EXPECT_EQ(plain.result.valid_count, static_cast<int64_t>(256 - ignored));
    }
  }
}

// A padding row with targets of 0 (MambaInLlama#11).
TEST(IgnoredSamplesTest, PaddingBesideSoftTargetsCountsNowhere) {
  Problem problem;
  problem.logits = {{1, 0}, {5, 5}, {0, 1}};
  problem.targets = oracle::Matrix{{1, 0}, {0, 0}, {0, 1}};
  problem.sample_weights = {1, 0, 1};
  problem.reduction = oracle::Reduction::kMeanValid;
  problem.top_k = {1, 2};
  const double loss = std::log1p(std::exp(-1.0));  // 0.3133
  for (const Mining& mining : {Mining(), Mining(HardestMining{1.0, std::nullopt}),
                               Mining(HardestMining{std::nullopt, 3}), Mining(ThresholdMining{}),
                               Mining(ThresholdMining{0.5, 3}), Mining(GradientHarmonizing{})}) {
    const Computed<double> actual = ComputeMined<double>(problem, mining, 1);
    if (std::holds_alternative<ThresholdMining>(mining) &&
        std::get<ThresholdMining>(mining).min_kept == 0) {
      EXPECT_EQ(actual.result.valid_count, 0);  // 0.73 is not below 0.7
      EXPECT_EQ(actual.result.loss, 0);
      continue;
    }
    EXPECT_NEAR(actual.result.loss, loss, 1e-16);
    EXPECT_THAT(actual.losses, ElementsAre(DoubleNear(loss, 1e-16), 0, DoubleNear(loss, 1e-16)));
    EXPECT_EQ(actual.result.valid_count, 2);
    EXPECT_EQ(actual.result.weight_sum, 2);
    EXPECT_THAT(actual.result.top_k_correct, ElementsAre(2, 2));
    EXPECT_THAT(actual.result.class_statistics->count, ElementsAre(1, 1));
    EXPECT_THAT(actual.result.class_statistics->predicted_count, ElementsAre(1, 1));
    EXPECT_EQ(actual.result.difficulty->hard_count, 0);
  }
  problem.form = oracle::Form::kJensenShannon;
  const Computed<double> divergence = ComputeMined<double>(problem, {}, 1);
  EXPECT_EQ(divergence.losses[0], divergence.losses[2]);
  EXPECT_NEAR(divergence.result.loss, divergence.losses[0], 1e-16);
}

TEST(IgnoredSamplesTest, WhatMiningDropsIsZeroInEveryOutput) {
  Problem problem;
  problem.logits = {{1, 0}, {3, 0}, {0, 1}};
  problem.class_ids = {0, 0, 0};
  const Computed<double> actual = ComputeMined<double>(problem, HardestMining{std::nullopt, 1}, 1);
  EXPECT_EQ(actual.result.valid_count, 1);
  for (const size_t row : {size_t{0}, size_t{1}}) {
    EXPECT_EQ(actual.losses[row], 0);
    EXPECT_EQ(actual.log_sum_exp[row], 0);
    EXPECT_EQ(actual.margin[row], 0);
    EXPECT_EQ(actual.probabilities[2 * row], 0);
    EXPECT_EQ(actual.probabilities[2 * row + 1], 0);
  }
  EXPECT_GT(actual.probabilities[5], 0.7);
}

TEST(IgnoredSamplesTest, AClassWeightOrUpstreamGradientOfZeroDoesNotIgnore) {
  Problem problem;
  problem.logits = {{1, 0}, {3, 0}};
  problem.class_ids = {0, 1};
  problem.weights = {1, 0};
  problem.upstream_gradient = {0, 1};
  problem.top_k = {1};
  const Computed<double> actual = ComputeProblem<double>(problem);
  EXPECT_EQ(actual.result.valid_count, 2);
  EXPECT_THAT(actual.gradient, Each(0.0));
  EXPECT_THAT(actual.result.class_statistics->count, ElementsAre(1, 1));
  EXPECT_THAT(actual.log_sum_exp, Each(::testing::Gt(1.0)));
  EXPECT_THAT(actual.result.top_k_correct, ElementsAre(1));
}

TEST(IgnoredSamplesTest, ClassCountsAreOfSamplesThatWeigh) {
  Problem rows;
  rows.logits = oracle::Matrix::from_shape({4, 2});
  rows.class_ids = {0, 99, 1, 0};
  rows.sample_weights = {2, 0, 0.25, 0};
  EXPECT_THAT(CountClasses(ProblemBatch<double>(rows).batch(), loss::Activation::kSoftmax, {}),
              ElementsAre(1, 1));
  rows.class_ids.reset();
  rows.targets = oracle::Matrix{{0.25, 0.75}, {kNan, 255}, {1, 0}, {1, 1}};
  EXPECT_THAT(CountClasses(ProblemBatch<double>(rows).batch(), loss::Activation::kSoftmax, {}),
              ElementsAre(1.25, 0.75));

  // Sigmoid: an element for each class; of a row's class where any of them weighs.
  Problem elements;
  elements.activation = Activation::kSigmoid;
  elements.logits = oracle::Matrix::from_shape({3, 2});
  elements.class_ids = {0, 1, 1};
  elements.sample_weights = {1, 0, 1, 0, 0, 1};
  EXPECT_THAT(CountClasses(ProblemBatch<double>(elements).batch(), loss::Activation::kSigmoid, {}),
              ElementsAre(1, 1));
  Problem single = elements;
  single.logits = oracle::Matrix::from_shape({3, 1});
  single.class_ids.reset();
  single.binary_labels.emplace(xt::xtensor<int64_t, 2>{{1}, {0}, {-100}});
  single.sample_weights = {1, 1, 0};
  EXPECT_THAT(CountClasses(ProblemBatch<double>(single).batch(), loss::Activation::kSigmoid, {}),
              ElementsAre(1, 1));
}

}  // namespace
}  // namespace lossd::loss
