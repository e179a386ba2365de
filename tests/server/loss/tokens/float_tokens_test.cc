// Losses of ratios of FLOAT32 tokens, which are computed in float where float does, beside those of
// the same numbers in double.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/loss/tokens/float_columns.h"

namespace lossd::loss::float_tokens {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<LossSpec> Specs() {
  std::vector<LossSpec> specs;
  for (const char* form : {"importance_sampling", "ppo", "cispo", "dro"}) {
    specs.push_back(SpecOf(form));
    for (const KlEstimator estimator : {KlEstimator::kK1, KlEstimator::kK2, KlEstimator::kK3}) {
      for (const KlGradient gradient : {KlGradient::kEstimator, KlGradient::kReverseKl}) {
        specs.push_back(specs.back());
        specs.back().policy.kl_penalty = KlPenalty{0.3, estimator, gradient};
      }
    }
  }
  return specs;
}

// A few roundings of the terms that are added: φ has at most |A| r, |A u|, β r k and x² / 20, and
// its derivatives no larger ones.
double BoundOf(const Columns& columns, size_t i) {
  constexpr double kRoundings = 6 * 0x1p-24;
  const double r = std::max(1.0, std::exp(static_cast<double>(columns.u[i]) - columns.old[i]));
  const double t = std::abs(static_cast<double>(columns.reference[i]) - columns.u[i]);
  const double x = std::abs(static_cast<double>(columns.old[i]) - columns.u[i]);
  const double a = std::abs(static_cast<double>(columns.advantages[i]));
  const double of_policy = a * r * std::max(1.0, std::abs(static_cast<double>(columns.u[i])));
  return kRoundings * columns.weights[i] *
         (of_policy + 0.05 * x * std::max(1.0, x) + 0.3 * r * (1 + t + std::expm1(t)));
}

void ExpectNear(const std::vector<double>& actual, const std::vector<double>& expected,
                const Columns& columns, double divisor) {
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], BoundOf(columns, i) / divisor)
        << i << ": u " << columns.u[i] << ", o " << columns.old[i] << ", f " << columns.reference[i]
        << ", A " << columns.advantages[i];
  }
}

void ExpectStatisticsNear(const PolicyStatistics& actual, const PolicyStatistics& expected) {
  constexpr double kRelative = 3e-7;
  const auto near = [&](double a, double b) { EXPECT_NEAR(a, b, kRelative * std::abs(b)); };
  EXPECT_EQ(actual.clipped_high_count, expected.clipped_high_count);
  EXPECT_EQ(actual.clipped_low_count, expected.clipped_low_count);
  EXPECT_EQ(actual.dual_clipped_count, expected.dual_clipped_count);
  near(actual.ratio->mean, expected.ratio->mean);
  near(actual.ratio->mean_square, expected.ratio->mean_square);
  near(actual.ratio->min, expected.ratio->min);
  near(actual.ratio->max, expected.ratio->max);
  near(actual.ratio->effective_sample_size, expected.ratio->effective_sample_size);
  near(actual.kl->k3, expected.kl->k3);
  near(actual.reference->k3, expected.reference->k3);
  EXPECT_NEAR(actual.kl->k1, expected.kl->k1, 1e-6);
  EXPECT_NEAR(actual.reference->k1, expected.reference->k1, 1e-6);
}

TEST(FloatTokens, HaveTheNumbersOfDouble) {
  for (const int count : {1, 15, 16, 17, 2048, 5003}) {
    const Columns columns = Usual(count);
    for (const LossSpec& spec : Specs()) {
      SCOPED_TRACE(testing::Message() << spec.form->name << ", " << count);
      const Computed actual = ComputeAs<float>(columns, spec);
      const Computed expected = ComputeAs<double>(columns, spec);
      const double weights = expected.result.weight_sum;
      ExpectNear(actual.losses, expected.losses, columns, 1);
      ExpectNear(actual.gradient, expected.gradient, columns, weights);
      ExpectNear(actual.hessian, expected.hessian, columns, weights);
      ExpectStatisticsNear(*actual.result.policy_statistics, *expected.result.policy_statistics);
    }
  }
}

// k3 and what it adds to the loss is accurate relative to itself.
TEST(FloatTokens, KeepTheDigitsOfASmallDivergence) {
  LossSpec spec = SpecOf("importance_sampling");
  spec.policy.kl_penalty = KlPenalty{1};
  for (const float t : {1e-9F, 1e-5F, 1.00016594e-4F, 1e-3F, 0.1F, 0.34F, 0.35F, 0.7F, 1.1F, 3.0F,
                        17.0F, 29.9F, 31.0F}) {
    for (const float signed_t : {t, -t}) {
      Columns columns;
      columns.Add(-1e-20F, 0, signed_t, 0);
      const Computed actual = ComputeAs<float>(columns, spec);
      const Computed expected = ComputeAs<double>(columns, spec);
      EXPECT_NEAR(actual.losses[0] / expected.losses[0], 1, 4 * 0x1p-24) << signed_t;
      EXPECT_NEAR(actual.gradient[0] / expected.gradient[0], 1, 4 * 0x1p-24) << signed_t;
      EXPECT_NEAR(actual.hessian[0] / expected.hessian[0], 1, 4 * 0x1p-24) << signed_t;
    }
  }
}

// The rounding of a difference is not the ratio's: u − o is no float here.
TEST(FloatTokens, KnowTheirDifferencesExactly) {
  Columns columns;
  columns.Add(-29.300001F, -1.1F, -1, 1);
  columns.Add(-0.3F, -27.77777F, -1, 1);
  const Computed actual = ComputeAs<float>(columns, SpecOf("importance_sampling"));
  const Computed expected = ComputeAs<double>(columns, SpecOf("importance_sampling"));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(actual.losses[i] / expected.losses[i], 1, 3 * 0x1p-24);
  }
}

// What float has no room for is double's, rounded: each alone among usual tokens.
TEST(FloatTokens, OfUnusualNumbersAreComputedInDouble) {
  Columns columns = Usual(300);
  const size_t usual = columns.u.size();
  for (const float x : {30.5F, -30.5F, 100.0F, -100.0F, 700.0F, -700.0F}) {
    columns.Add(x < 0 ? x : 0, x < 0 ? 0 : -x, -1, 0.5F);
  }
  columns.Add(-kInf, -1, -2, 1);
  columns.Add(kNaN, -1, -2, 1);
  columns.Add(-1, -1, -90, 1);
  columns.Add(-1, -1.5F, -1.25F, 1e-30F);
  columns.Add(-1, -1.5F, -1.25F, -1e30F);
  columns.Add(-1, -1.5F, -1.25F, 0.5F, 1e-30);
  columns.Add(-1, -1.5F, -1.25F, 0.5F, 1e30);
  columns.Add(-1, -1.5F, -1.25F, 0.5F, 1e-60);
  ComputeOptions options;
  for (const LossSpec& spec : Specs()) {
    SCOPED_TRACE(spec.form->name);
    const Computed actual = ComputeAs<float>(columns, spec, options);
    const Computed expected = ComputeAs<double>(columns, spec, options);
    const auto same = [](double a, double b) {
      const double rounded = static_cast<float>(b);
      return a == rounded || (std::isnan(a) && std::isnan(rounded));
    };
    for (size_t i = usual; i < columns.u.size(); ++i) {
      EXPECT_TRUE(same(actual.losses[i], expected.losses[i])) << i - usual << actual.losses[i];
      EXPECT_TRUE(same(actual.gradient[i], expected.gradient[i])) << i - usual;
      EXPECT_TRUE(same(actual.hessian[i], expected.hessian[i])) << i - usual;
    }
  }
}

// float rounds a ratio near a bound to its other side.
TEST(FloatTokens, NearABoundAreClippedAsInDouble) {
  LossSpec ppo = SpecOf("ppo");
  LossSpec tight = ppo;
  tight.parameters[0] = tight.parameters[1] = 0;
  LossSpec dual = ppo;
  dual.parameters[2] = 3;
  const LossSpec cispo = SpecOf("cispo");
  for (const LossSpec& spec : {ppo, tight, dual, cispo}) {
    for (const double bound : {0.8, 1.0, 1.2, 3.0, 4.0}) {
      Columns columns;
      const float old = -7.5F;
      float u = old + static_cast<float>(std::log(bound));
      for (int i = 0; i < 8; ++i) u = std::nextafter(u, -kInf);
      for (int i = 0; i < 16; ++i) {
        columns.Add(u, old, -1, 1);
        columns.Add(u, old, -1, -1);
        u = std::nextafter(u, 0.0F);
      }
      const float close = -0.1F;
      columns.Add(std::nextafter(close, 0.0F), close, -1, 1);
      columns.Add(std::nextafter(close, -1.0F), close, -1, -1);
      const Computed actual = ComputeAs<float>(columns, spec);
      const Computed expected = ComputeAs<double>(columns, spec);
      ExpectNear(actual.gradient, expected.gradient, columns, expected.result.weight_sum);
      ExpectStatisticsNear(*actual.result.policy_statistics, *expected.result.policy_statistics);
    }
  }
}

TEST(FloatTokens, OfACappedRatioAreThoseOfDouble) {
  Columns columns;
  for (const float x : {1.9F, 2.0F, 2.1F, -1.9F, -2.0F, -2.1F}) columns.Add(x - 4, -4, -4, 1);
  LossSpec spec = SpecOf("importance_sampling");
  spec.policy.ratio.log_ratio_cap = 2;
  const Computed actual = ComputeAs<float>(columns, spec);
  const Computed expected = ComputeAs<double>(columns, spec);
  ExpectNear(actual.losses, expected.losses, columns, 1);
  ExpectNear(actual.gradient, expected.gradient, columns, 6);
  EXPECT_EQ(actual.gradient[2], 0);
  EXPECT_EQ(actual.gradient[5], 0);
}

// A token's bits depend neither on its place nor on unusual ones beside it, and statistics add up.
TEST(FloatTokens, HaveTheSameBitsInAnyBatch) {
  Columns columns = Usual(4500);
  columns.old[1000] = -60;
  columns.u[1001] = kNaN;
  columns.old[4490] = -50;
  ComputeOptions options = MeanWithStatistics();
  options.normalizer = 1234;
  LossSpec spec = SpecOf("ppo");
  spec.policy.kl_penalty = KlPenalty{0.04};
  columns.weights[1001] = 0;
  const Computed whole = ComputeAs<float>(columns, spec, options);
  double clipped = 0;
  double k3 = 0;
  double loss_sum = 0;
  for (size_t begin = 0; begin < columns.u.size(); begin += 999) {
    const size_t end = std::min(begin + 999, columns.u.size());
    const Computed part = ComputeAs<float>(columns.Part(begin, end), spec, options);
    for (size_t i = begin; i < end; ++i) {
      ASSERT_EQ(part.losses[i - begin], whole.losses[i]) << i;
      ASSERT_EQ(part.gradient[i - begin], whole.gradient[i]) << i;
      ASSERT_EQ(part.hessian[i - begin], whole.hessian[i]) << i;
    }
    loss_sum += part.result.loss_sum;
    clipped += static_cast<double>(part.result.policy_statistics->clipped_high_count);
    k3 += part.result.policy_statistics->kl->k3 * static_cast<double>(part.result.valid_count);
  }
  EXPECT_EQ(clipped, whole.result.policy_statistics->clipped_high_count);
  EXPECT_NEAR(loss_sum, whole.result.loss_sum, 1e-14 * std::abs(loss_sum));
  k3 /= static_cast<double>(whole.result.valid_count);
  EXPECT_NEAR(k3, whole.result.policy_statistics->kl->k3, 1e-14 * k3);
}

TEST(FloatTokens, OfWeightZeroAreNotRead) {
  Columns columns;
  columns.Add(kNaN, kInf, -kInf, kNaN, 0);
  columns.Add(-1, -1, -1, 1);
  columns.Add(-kInf, -800, kNaN, kInf, 0);
  for (const LossSpec& spec : Specs()) {
    const Computed computed = ComputeAs<float>(columns, spec);
    const Computed alone = ComputeAs<float>(columns.Part(1, 2), spec);
    for (const size_t i : {size_t{0}, size_t{2}}) {
      EXPECT_EQ(computed.losses[i], 0);
      EXPECT_EQ(computed.gradient[i], 0);
      EXPECT_EQ(computed.hessian[i], 0);
    }
    EXPECT_EQ(computed.gradient[1], alone.gradient[0]);
    EXPECT_EQ(computed.result.loss, alone.result.loss);
    EXPECT_EQ(computed.result.policy_statistics->ratio->max, 1);
    EXPECT_EQ(computed.result.policy_statistics->kl->k3, 0);
    EXPECT_EQ(computed.result.non_finite_count, 0);
  }
}

TEST(FloatTokens, HaveADifficultyAndAPositiveCurvature) {
  const Columns columns = Usual(100);
  ComputeOptions options = MeanWithStatistics();
  options.difficulty = true;
  options.hessian_mode = HessianMode::kPositive;
  const LossSpec spec = SpecOf("ppo");
  const Computed actual = ComputeAs<float>(columns, spec, options);
  const Computed expected = ComputeAs<double>(columns, spec, options);
  EXPECT_EQ(actual.result.difficulty->hard_count, expected.result.difficulty->hard_count);
  EXPECT_NEAR(actual.result.difficulty->hard_gradient_share,
              expected.result.difficulty->hard_gradient_share, 1e-6);
  for (size_t i = 0; i < columns.u.size(); ++i) {
    const double bound = BoundOf(columns, i) / expected.result.weight_sum;
    EXPECT_NEAR(actual.hessian[i], expected.hessian[i], bound + 1e-23);
  }
}

TEST(FloatTokens, AreMinedAsThoseOfDouble) {
  const Columns columns = Usual(100);
  LossSpec spec = SpecOf("ppo");
  HardestMining hardest;
  hardest.keep_count = 10;
  spec.mining = hardest;
  const Computed actual = ComputeAs<float>(columns, spec);
  const Computed expected = ComputeAs<double>(columns, spec);
  EXPECT_EQ(actual.result.valid_count, 10);
  EXPECT_NEAR(actual.result.loss_sum, expected.result.loss_sum, 1e-5);
  ExpectNear(actual.gradient, expected.gradient, columns, expected.result.weight_sum);
}

}  // namespace
}  // namespace lossd::loss::float_tokens
