#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"

namespace lossd::rpc {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;

constexpr char kSum[] = " reduction: REDUCTION_SUM";

v1::ComputeResponse Tokens(absl::string_view loss, absl::string_view u, absl::string_view o,
                           absl::string_view advantages, absl::string_view rest = "",
                           absl::string_view rollout = "") {
  return Compute(
      absl::StrCat("logits { float_values: [", u,
                   "] } outputs { gradient: true hessian_diagonal: true "
                   "policy_statistics: true } loss { activation: ACTIVATION_LOG_PROBABILITY ",
                   loss, " } rollout { old_log_probs { float_values: [", o,
                   "] } advantages { float_values: [", advantages, "] } ", rollout, " } ", rest));
}

TEST(PolicyTokens, OfNoAdvantageAreZeroWhateverTheRatioIs) {
  for (const char* loss : {"importance_sampling {}", "ppo {}", "ppo { dual_clip: 3 }", "cispo {}",
                           "sapo {}", "dppo {}", "dppo { divergence: DPPO_DIVERGENCE_KL }"}) {
    SCOPED_TRACE(loss);
    const auto response = Tokens(loss, "800, -0.5, -inf, nan", "-0.5, -900, -1, -1", "0, 0, 0, 0");
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(response.losses().float_values(i), 0);
      EXPECT_EQ(response.gradient().float_values(i), 0);
      EXPECT_EQ(response.hessian_diagonal().float_values(i), 0);
    }
  }
}

TEST(PolicyTokens, OfHugeLogRatiosAreComputedInDouble) {
  // e^30 and e^700 are no overflow; nothing is muted unless a cap says so.
  const auto trl = Tokens("ppo {}", "0, -1, -30, -1", "-30, -1, -1, -1", "-1, -1, -1, -1", kSum);
  EXPECT_NEAR(trl.loss() / 10686474581527.26, 1, 1e-12);
  EXPECT_NEAR(trl.gradient().float_values(0) / 10686474581524.46, 1, 1e-12);
  const double verl[] = {0, 1, 0, 1};
  const auto dual =
      Tokens("ppo { dual_clip: 3 }", "0, -1, -30, -1", "-30, -1, -1, -1", "-1, -1, -1, -1", kSum);
  EXPECT_NEAR(dual.loss(), 5.8, 1e-12);
  EXPECT_THAT(dual.gradient().float_values(), Pointwise(DoubleNear(1e-12), verl));
  const auto huge = Tokens("importance_sampling {}", "700, -700", "0, 0", "1, 1");
  EXPECT_NEAR(huge.losses().float_values(0) / -std::exp(700.0), 1, 1e-12);
  EXPECT_NEAR(huge.losses().float_values(1) / -std::exp(-700.0), 1, 1e-12);
  const auto capped =
      Tokens("importance_sampling {} ratio { log_ratio_cap: 20 }", "0, 0", "-30, -20", "-1, -1");
  EXPECT_NEAR(capped.losses().float_values(0) / std::exp(20.0), 1, 1e-13);
  EXPECT_EQ(capped.gradient().float_values(0), 0);
  EXPECT_NEAR(capped.gradient().float_values(1) / std::exp(20.0), 1, 1e-13);
}

TEST(PolicyTokens, AtABoundExactlyAreNotClipped) {
  const auto response =
      Tokens("ppo { epsilon_low: 0 epsilon_high: 0 }", "-1, -1", "-1, -1", "1, -1");
  EXPECT_EQ(response.gradient().float_values(0), -1);
  EXPECT_EQ(response.gradient().float_values(1), 1);
}

TEST(PolicyTokens, OfImpossibleTokensHaveARatioOfZero) {
  const auto response = Tokens("ppo {}", "-inf, -inf", "-1, -1", "1, -1");
  EXPECT_EQ(response.losses().float_values(0), 0);
  EXPECT_DOUBLE_EQ(response.losses().float_values(1), 0.8);
  EXPECT_EQ(response.gradient().float_values(0), 0);
  EXPECT_EQ(response.gradient().float_values(1), 0);
}

TEST(PolicyTokens, OfWeightZeroAreNotRead) {
  const auto response = Tokens(
      "ppo {} kl_penalty { coefficient: 1 }", "-inf, -1, nan, -1", "-inf, -1, -800, -1",
      "nan, 1, inf, 1", " sample_weights { float_values: [0, 1, 0, 1] } reduction: REDUCTION_MEAN",
      "reference_log_probs { float_values: [inf, -1, nan, -1] }");
  EXPECT_EQ(response.loss(), -1);
  const double gradient[] = {0, -0.5, 0, -0.5};
  EXPECT_THAT(response.gradient().float_values(), Pointwise(::testing::DoubleEq(), gradient));
  EXPECT_EQ(response.policy_statistics().ratio_max(), 1);
  EXPECT_EQ(response.policy_statistics().reference_kl_k3(), 0);
  EXPECT_EQ(response.non_finite_count(), 0);
}

TEST(PolicyTokens, OfMaskedBatchesAreZero) {
  const auto response =
      Tokens("ppo {}", "nan, -1", "-1, nan", "1, 1",
             " sample_weights { float_values: [0, 0] } reduction: REDUCTION_MEAN");
  EXPECT_EQ(response.loss(), 0);
  EXPECT_EQ(response.policy_statistics().ratio_mean(), 0);
  EXPECT_EQ(response.policy_statistics().effective_sample_size(), 0);
}

TEST(KlPenalty, KeepsItsDigitsCloseToTheReference) {
  for (const double t : {1e-9, -1e-9, 1e-5, -1e-3, 0.0155, -0.0157, 0.5, -3.0, 30.0}) {
    const long double exact = std::expm1(static_cast<long double>(t)) - t;
    const auto response = Compute(absl::StrCat(
        "logits { float_values: [", -t,
        "] } outputs { gradient: true hessian_diagonal: true } "
        "loss { activation: ACTIVATION_LOG_PROBABILITY kl_penalty { coefficient: 1 } } rollout { "
        "advantages { float_values: [0] } reference_log_probs { float_values: [0] } }"));
    SCOPED_TRACE(t);
    // At 1e-9 expm1 has no digits of its own left for the difference in long double.
    const double expected =
        std::abs(t) < 1e-6 ? t * t / 2 * (1 + t / 3) : static_cast<double>(exact);
    EXPECT_NEAR(response.losses().float_values(0) / expected, 1, 2e-13);
    EXPECT_NEAR(response.gradient().float_values(0) / -std::expm1(t), 1, 1e-14);
    EXPECT_NEAR(response.hessian_diagonal().float_values(0) / std::exp(t), 1, 1e-14);
  }
}

TEST(PolicyTokens, AddUpInParts) {
  const auto compute = [](absl::string_view u, absl::string_view o, absl::string_view a) {
    return Tokens(
        "ppo { dual_clip: 3 } kl_penalty { coefficient: 0.5 gradient: "
        "KL_GRADIENT_REVERSE_KL }",
        u, o, a, " reduction: REDUCTION_MEAN normalizer: 5",
        absl::StrCat("reference_log_probs { float_values: [", o, "] }"));
  };
  const auto whole =
      compute("-0.5, -3, -1.2, -0.1, -2", "-1, -2, -1.1, -0.4, -2.2", "1, -1, 2, 1, -3");
  const auto first = compute("-0.5, -3", "-1, -2", "1, -1");
  const auto rest = compute("-1.2, -0.1, -2", "-1.1, -0.4, -2.2", "2, 1, -3");
  for (int i = 0; i < 5; ++i) {
    const auto& part = i < 2 ? first : rest;
    EXPECT_EQ(part.gradient().float_values(i < 2 ? i : i - 2), whole.gradient().float_values(i));
  }
  EXPECT_NEAR(first.loss_sum() + rest.loss_sum(), whole.loss_sum(), 1e-14);
}

}  // namespace
}  // namespace lossd::rpc
