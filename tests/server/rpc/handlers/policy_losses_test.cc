#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"
#include "tests/server/rpc/handlers/policy_vectors.h"

namespace lossd::rpc {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;

constexpr char kPolicy[] =
    " logits { shape: [3, 4] float_values: [-0.5, -1.5, -2, -0.1, -3, -0.7, -0.2, -1.5, -0.3, -2.6,"
    " -1, -4] } sample_weights { shape: [3, 4] float_values: [1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0] "
    "}";
constexpr char kOld[] =
    " old_log_probs { shape: [3, 4] float_values: [-0.7, -1, -2.5, -0.1, -1.5, -2, -0.4, -1.6, "
    "-0.4,"
    " -2.4, -2.5, -3] }";
constexpr char kReference[] =
    " reference_log_probs { shape: [3, 4] float_values: [-0.6, -1.1, -1.8, -0.2, -2, -1.2, -0.5,"
    " -0.9, -0.8, -2, -0.7, -3.5] }";
constexpr char kSampler[] =
    " sampler_log_probs { shape: [3, 4] float_values: [-0.75, -0.9, -3.4, -0.1, -1.48, -2.03, -1.2,"
    " -1.6, -0.41, -2.39, -2.4, -3.1] }";
constexpr char kOfSequences[] = " advantages { float_values: [1, -0.5, 2] }";
constexpr char kOfTokens[] =
    " advantages { shape: [3, 4] float_values: [1, 2, 0.5, 0.25, -0.5, -1, -0.25, 0, 2, 1, 0, 0] }";
constexpr char kNoAdvantage[] = " advantages { float_values: [0, 0, 0] }";

constexpr char kMean[] = " reduction: REDUCTION_MEAN";
constexpr char kSum[] = " reduction: REDUCTION_SUM";
constexpr char kSequenceMean[] = " reduction: REDUCTION_SEQUENCE_MEAN";

constexpr char kStatistics[] = " policy_statistics: true";

std::string Request(absl::string_view loss, absl::string_view rollout, absl::string_view rest,
                    absl::string_view outputs = "") {
  return absl::StrCat(kPolicy, " loss { activation: ACTIVATION_LOG_PROBABILITY ", loss,
                      " } rollout {", rollout,
                      " } outputs { gradient: true hessian_diagonal: true ", outputs, " } ", rest);
}

v1::ComputeResponse Policy(absl::string_view loss, absl::string_view rollout,
                           absl::string_view rest, absl::string_view outputs = "") {
  return Compute(Request(loss, rollout, rest, outputs));
}

const PolicyVector& VectorOf(int number) {
  const auto* const found =
      std::find_if(std::begin(kPolicyVectors), std::end(kPolicyVectors),
                   [&](const PolicyVector& vector) { return vector.number == number; });
  EXPECT_NE(found, std::end(kPolicyVectors)) << number;
  return *found;
}

// A setting of a package, and the request that is the same loss.
struct Setting {
  int vector;
  std::string loss;
  std::string rollout;
  std::string rest;
  double tolerance = 1e-9;
};

std::vector<Setting> Settings() {
  const std::string with_old = absl::StrCat(kOfSequences, kOld);
  const std::string with_sampler = absl::StrCat(with_old, kSampler);
  const std::string with_reference = absl::StrCat(with_old, kReference);
  const std::string penalty_alone = absl::StrCat(kNoAdvantage, kReference);
  const std::string reverse = absl::StrCat(kNoAdvantage, kOld, kReference);
  const auto mean_over = [](int divisor) { return absl::StrCat(kMean, " normalizer: ", divisor); };
  constexpr double kAsFloat = 1e-7;
  return {
      {1, "importance_sampling {}", with_old, kSum, kAsFloat},
      {3, "cross_entropy {}", kOfSequences, kMean},
      {4, "ppo {}", with_old, kMean},
      {5, "ppo { dual_clip: 3 }", with_old, kMean},
      {7, "ppo { epsilon_high: 0.28 }", with_old, kMean},
      {8, "ppo {}", with_old, kSequenceMean},
      {9, "ppo {}", with_old, mean_over(3 * 8)},
      {10, "ppo { dual_clip: 3 }", with_old, mean_over(3)},
      {12, "ppo { dual_clip: 3 }", with_old, mean_over(3 * 4)},
      {13, "ppo {} ratio { level: RATIO_LEVEL_SEQUENCE }", with_old, kSequenceMean},
      {14, "ppo { epsilon_low: 3e-4 epsilon_high: 4e-4 } ratio { level: RATIO_LEVEL_SEQUENCE }",
       with_old, kSequenceMean},
      {15, "ppo {} ratio { level: RATIO_LEVEL_SEQUENCE }", with_old, kMean},
      {17, "cispo { minimum_ratio: 0.8 maximum_ratio: 1.2 }", with_old, kMean},
      {18, "cispo {}", with_old, kMean},
      {19, "cispo { maximum_ratio: 0.2 }", with_old, kMean},
      {22, "dro {}", with_old, kMean},
      {23, "sapo {}", with_old, kSequenceMean},
      {27, "dppo {}", with_old, kMean, kAsFloat},
      {30, "ppo {} importance_weighting { maximum: 3 }", with_sampler, kMean},
      {31,
       "ppo {} importance_weighting { minimum: 0.5 maximum: 2 mode: IMPORTANCE_WEIGHTING_MODE_ZERO "
       "}",
       with_sampler, kMean, kAsFloat},
      {34, "kl_penalty { coefficient: 1 estimator: KL_ESTIMATOR_K1 }", penalty_alone, kMean},
      {35, "kl_penalty { coefficient: 1 estimator: KL_ESTIMATOR_K2 }", penalty_alone, kMean},
      {36, "kl_penalty { coefficient: 1 }", penalty_alone, kMean},
      {38, "kl_penalty { coefficient: 1 gradient: KL_GRADIENT_REVERSE_KL }", reverse, kMean,
       kAsFloat},
      {39, "ppo {} kl_penalty { coefficient: 0.04 gradient: KL_GRADIENT_REVERSE_KL }",
       with_reference, kMean},
      {40, "ppo {} kl_penalty { coefficient: 0.04 }", with_reference, kMean},
  };
}

TEST(PolicyLosses, AreThoseOfTheTrainingPackages) {
  for (const Setting& setting : Settings()) {
    const PolicyVector& vector = VectorOf(setting.vector);
    SCOPED_TRACE(vector.name);
    const v1::ComputeResponse response = Policy(setting.loss, setting.rollout, setting.rest);
    EXPECT_NEAR(response.loss(), vector.loss, setting.tolerance);
    EXPECT_THAT(response.gradient().float_values(),
                Pointwise(DoubleNear(setting.tolerance), vector.gradient));
  }
}

TEST(PolicyLosses, AreNotWhatOthersCallByTheSameName) {
  const std::string with_old = absl::StrCat(kOfSequences, kOld);
  const std::string sequence = " ratio { level: RATIO_LEVEL_SEQUENCE }";
  struct Difference {
    int vector;
    std::string loss;
    std::string rollout;
    std::string rest;
    const char* reason;
    bool same_gradient;
  };
  const Difference differences[] = {
      {21, "cispo {}", with_old, kMean, "the gradient goes through the clip, and there is no ln p",
       false},
      {25, "dppo { threshold_low: 0.1 threshold_high: 0.1 }", with_old, kMean,
       "the value is -A min(r, 20) m u, the same derivative", true},
      {26, "dppo {}", with_old, kMean, "the ratio is cut at 3 beside the mask", false},
      {28, "ppo {}" + sequence, with_old, kMean, "a geometric mean of clipped ratios", false},
      {29, "importance_sampling {}" + sequence, with_old, kMean, "another gate of the sequence",
       false},
      {33, "ppo {} importance_weighting { level: RATIO_LEVEL_SEQUENCE maximum: 1e9 }" + sequence,
       absl::StrCat(with_old, kSampler), kSequenceMean, "the product of the sequence's weights",
       false},
      {42, "ppo {}" + sequence, absl::StrCat(kOfTokens, kOld), kSequenceMean,
       "the derivative goes through the sequence's mean", false},
  };
  for (const Difference& difference : differences) {
    const PolicyVector& vector = VectorOf(difference.vector);
    SCOPED_TRACE(absl::StrCat(vector.name, ": ", difference.reason));
    const auto response = Policy(difference.loss, difference.rollout, difference.rest);
    double furthest = 0;
    for (int i = 0; i < 12; ++i) {
      const double expected = vector.gradient[static_cast<size_t>(i)];
      const double g = response.gradient().float_values(i);
      furthest = std::max(furthest, std::abs(g - expected));
    }
    if (difference.same_gradient) {
      EXPECT_LT(furthest, 1e-9);
      EXPECT_GT(std::abs(response.loss() - vector.loss), 1e-3);
    } else {
      EXPECT_GT(furthest, 1e-3);
    }
  }
}

TEST(PolicyLosses, OfSequenceRatiosHaveTheValueOfTheSequenceAndTheDerivativeOfTheToken) {
  const auto response = Policy("ppo {} ratio { level: RATIO_LEVEL_SEQUENCE }",
                               absl::StrCat(kOfTokens, kOld), kSequenceMean);
  EXPECT_NEAR(response.loss(), VectorOf(42).loss, 1e-9);
  // The mean of u − o is 0.05 in the first sequence: −A e^0.05 / (3 · 4).
  const double advantages[] = {1, 2, 0.5, 0.25};
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(response.gradient().float_values(i), -advantages[i] * std::exp(0.05) / 12, 1e-12);
  }
}

TEST(PolicyLosses, HaveTheirSecondDerivatives) {
  const std::string with_old = absl::StrCat(kOfSequences, kOld);
  const auto hessian = [&](absl::string_view loss) {
    const auto response = Policy(loss, with_old, kSum);
    const auto& values = response.hessian_diagonal().float_values();
    return std::vector<double>(values.begin(), values.end());
  };
  const double sapo[] = {-1.044079695554,
                         -0.652407212906,
                         -0.71841796358,
                         -1,
                         0.103481666053,
                         -0.954253664784,
                         0.513108026965,
                         0,
                         -2.07625743507,
                         -1.744270467221,
                         0,
                         0};
  EXPECT_THAT(hessian("sapo {}"), Pointwise(DoubleNear(1e-9), sapo));
  EXPECT_THAT(hessian("importance_sampling {}"), Pointwise(DoubleNear(1e-7), VectorOf(1).gradient));
  EXPECT_THAT(hessian("cispo {}"), ::testing::Each(0));
  const double dro[] = {0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05, 0, 0.05, 0.05, 0, 0};
  EXPECT_THAT(hessian("dro {}"), Pointwise(DoubleNear(1e-15), dro));
}

TEST(PolicyLosses, ComeWithStatistics) {
  const auto response = Policy("ppo { dual_clip: 3 }", absl::StrCat(kOfSequences, kOld, kReference),
                               kMean, kStatistics);
  const v1::PolicyStatistics& statistics = response.policy_statistics();
  EXPECT_EQ(statistics.clipped_high_count(), 2);
  EXPECT_EQ(statistics.clipped_low_count(), 1);
  EXPECT_EQ(statistics.dual_clipped_count(), 1);
  EXPECT_NEAR(statistics.ratio_mean(), 1.279376216183823, 1e-14);
  EXPECT_NEAR(statistics.ratio_min(), 0.223130160148430, 1e-14);
  EXPECT_NEAR(statistics.ratio_max(), 3.669296667619244, 1e-14);
  EXPECT_NEAR(statistics.ratio_mean_square(), 2.497228730275377, 1e-14);
  EXPECT_NEAR(statistics.effective_sample_size(), 5.899031732350392, 1e-13);
  EXPECT_NEAR(statistics.kl_k1(), -1.0 / 90, 1e-15);
  EXPECT_NEAR(statistics.kl_k3(), 0.268265105072712, 1e-14);
  EXPECT_NEAR(statistics.reference_kl_k1(), -0.077777777777778, 1e-14);
  EXPECT_NEAR(statistics.reference_kl_k3(), 0.146353606758877, 1e-14);
  EXPECT_FALSE(statistics.has_weight_high_count());
}

TEST(PolicyLosses, CountImportanceWeightsBeyondTheirBounds) {
  const auto response = Policy("ppo {} importance_weighting {}",
                               absl::StrCat(kOfSequences, kOld, kSampler), kMean, kStatistics);
  // e^(o − q) is above 2 at the third and the seventh token.
  EXPECT_EQ(response.policy_statistics().weight_high_count(), 2);
  EXPECT_EQ(response.policy_statistics().weight_low_count(), 0);
}

TEST(PolicyLosses, AreComparedOnOneBatch) {
  const auto response = CallHandlers()->Compare(
      FromText<v1::CompareRequest>(absl::StrCat(
          "logits { float_values: [-0.5, -3] } rollout { old_log_probs { float_values: [-1, -2] } "
          "advantages { float_values: [1, -1] } } reduction: REDUCTION_MEAN losses { activation: "
          "ACTIVATION_LOG_PROBABILITY ppo {} } losses { activation: ACTIVATION_LOG_PROBABILITY "
          "cispo {} } losses { activation: ACTIVATION_LOG_PROBABILITY }")),
      {});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_NEAR(response->comparisons(0).loss(), (-1.2 + 0.8) / 2, 1e-15);
  EXPECT_EQ(response->comparisons(0).policy_statistics().clipped_high_count(), 1);
  EXPECT_EQ(response->comparisons(0).policy_statistics().clipped_low_count(), 1);
  EXPECT_EQ(response->comparisons(0).gradient_norm(), 0);
  EXPECT_NEAR(response->comparisons(1).loss(), (0.5 * std::exp(0.5) - 3 * std::exp(-1)) / 2, 1e-15);
  EXPECT_EQ(response->comparisons(1).policy_statistics().clipped_high_count(), 0);
  EXPECT_NEAR(response->comparisons(2).loss(), (0.5 - 3) / 2, 1e-15);
}

TEST(PolicyLosses, AreAppliedAsTheySay) {
  const auto response = Policy(
      "dppo { divergence: DPPO_DIVERGENCE_KL } ratio { log_ratio_cap: 20 } kl_penalty { "
      "coefficient: 0.1 } importance_weighting { mode: IMPORTANCE_WEIGHTING_MODE_ZERO }",
      absl::StrCat(kOfSequences, kOld, kReference, kSampler), kMean);
  const v1::LossSpec& applied = response.applied().loss();
  EXPECT_EQ(applied.dppo().divergence(), v1::DPPO_DIVERGENCE_KL);
  EXPECT_EQ(applied.dppo().threshold_low(), 0.2);
  EXPECT_EQ(applied.ratio().level(), v1::RATIO_LEVEL_TOKEN);
  EXPECT_EQ(applied.ratio().log_ratio_cap(), 20);
  EXPECT_EQ(applied.kl_penalty().estimator(), v1::KL_ESTIMATOR_K3);
  EXPECT_EQ(applied.kl_penalty().gradient(), v1::KL_GRADIENT_ESTIMATOR);
  EXPECT_EQ(applied.importance_weighting().maximum(), 2);
  EXPECT_EQ(applied.importance_weighting().mode(), v1::IMPORTANCE_WEIGHTING_MODE_ZERO);
  v1::ComputeRequest again = FromText<v1::ComputeRequest>(
      Request("", absl::StrCat(kOfSequences, kOld, kReference, kSampler), kMean));
  *again.mutable_loss() = applied;
  EXPECT_EQ(Compute(again).loss(), response.loss());
  EXPECT_FALSE(Policy("ppo {}", absl::StrCat(kOfSequences, kOld), kMean)
                   .applied()
                   .loss()
                   .ppo()
                   .has_dual_clip());
}

}  // namespace
}  // namespace lossd::rpc
