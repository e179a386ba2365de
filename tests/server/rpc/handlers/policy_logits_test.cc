#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"

namespace lossd::rpc {
namespace {

// Logits [tokens, 3] whose log-probabilities of the labels are the policy's: the losses are those
// of the log-probabilities, and gradients go on to the logits.
TEST(PolicyLogits, OfLogitsAreThoseOfTheirLogProbabilities) {
  const double u[] = {-0.5, -1.5, -2, -0.1};
  std::string logits;
  for (const double ln_p : u) {
    // p for the label 1, and the rest in two parts.
    const double rest = -std::expm1(ln_p);
    absl::StrAppend(
        &logits, logits.empty() ? "" : ", ",
        absl::StrFormat("%.17g, %.17g, %.17g", std::log(0.25 * rest), ln_p, std::log(0.75 * rest)));
  }
  const std::string rollout =
      " rollout { old_log_probs { shape: [1, 4] float_values: [-0.7, -1, -2.5, -0.1] } "
      "reference_log_probs { shape: [1, 4] float_values: [-0.6, -1.1, -1.8, -0.2] } advantages { "
      "shape: [1, 4] float_values: [1, -0.5, 2, 0.25] } } sample_weights { shape: [1, 4] "
      "float_values: [1, 2, 1, 0.5] } reduction: REDUCTION_MEAN outputs { gradient: true "
      "hessian_diagonal: true policy_statistics: true difficulty: true }";
  for (const char* const loss :
       {"ppo {} kl_penalty { coefficient: 0.1 }", "sapo {}", "cispo {}", "dro {}",
        "importance_sampling {} ratio { level: RATIO_LEVEL_SEQUENCE }", "focal {}",
        "dppo { divergence: DPPO_DIVERGENCE_KL } kl_penalty { coefficient: 0.2 gradient: "
        "KL_GRADIENT_REVERSE_KL }"}) {
    SCOPED_TRACE(loss);
    const auto of_u = Compute(absl::StrCat(
        "logits { shape: [1, 4] float_values: [-0.5, -1.5, -2, -0.1] } loss { activation: "
        "ACTIVATION_LOG_PROBABILITY ",
        loss, " }", rollout));
    const auto of_z = Compute(absl::StrCat("logits { shape: [1, 4, 3] float_values: [", logits,
                                           "] } labels { shape: [1, 4] int_values: [1, 1, 1, 1] } "
                                           "loss { ",
                                           loss, " }", rollout));
    EXPECT_NEAR(of_z.loss(), of_u.loss(), 1e-14);
    EXPECT_EQ(of_z.policy_statistics().clipped_high_count(),
              of_u.policy_statistics().clipped_high_count());
    EXPECT_NEAR(of_z.policy_statistics().ratio_mean(), of_u.policy_statistics().ratio_mean(),
                1e-14);
    for (int i = 0; i < 4; ++i) {
      const double slope = of_u.gradient().float_values(i);
      const double curvature = of_u.hessian_diagonal().float_values(i);
      const double p_t = std::exp(u[i]);
      const double p[] = {0.25 * (1 - p_t), p_t, 0.75 * (1 - p_t)};
      EXPECT_NEAR(of_z.losses().float_values(i), of_u.losses().float_values(i), 1e-14);
      for (int k = 0; k < 3; ++k) {
        const double delta = (k == 1 ? 1 : 0) - p[k];
        EXPECT_NEAR(of_z.gradient().float_values(3 * i + k), slope * delta, 1e-14);
        EXPECT_NEAR(of_z.hessian_diagonal().float_values(3 * i + k),
                    curvature * delta * delta - slope * p[k] * (1 - p[k]), 1e-14);
      }
    }
  }
}

TEST(PolicyLogits, OfSigmoidLogitsAreThoseOfTheirLogProbabilities) {
  const double z[] = {1.5, -0.3};
  const auto of_z = Compute(
      "logits { float_values: [1.5, -0.3] } labels { int_values: [0, 1] } loss { activation: "
      "ACTIVATION_SIGMOID ppo {} class_weighting { alpha: 0.25 } } rollout { old_log_probs { "
      "float_values: [-1.6, -1] } advantages { float_values: [1, 2] } } outputs { gradient: true "
      "hessian_diagonal: true class_statistics: true } reduction: REDUCTION_SUM");
  const double signs[] = {-1, 1};
  const double old[] = {-1.6, -1};
  const double advantages[] = {1, 2};
  const double weights[] = {0.75, 0.25};
  for (int i = 0; i < 2; ++i) {
    const double p = 1 / (1 + std::exp(-signs[i] * z[i]));
    const double slope = -advantages[i] * weights[i] * p / std::exp(old[i]);
    EXPECT_NEAR(of_z.losses().float_values(i), slope, 1e-15);
    EXPECT_NEAR(of_z.gradient().float_values(i), slope * signs[i] * (1 - p), 1e-15);
    EXPECT_NEAR(of_z.hessian_diagonal().float_values(i), slope * ((1 - p) * (1 - p) - p * (1 - p)),
                1e-15);
  }
  EXPECT_EQ(of_z.weight_sum(), 2);
  const double share =
      std::abs(of_z.gradient().float_values(0)) /
      (std::abs(of_z.gradient().float_values(0)) + std::abs(of_z.gradient().float_values(1)));
  EXPECT_NEAR(of_z.class_statistics().gradient_share(0), share, 1e-14);
}

}  // namespace
}  // namespace lossd::rpc
