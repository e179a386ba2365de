#include "tests/server/loss/tokens/policy_digits.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "gtest/gtest.h"
#include "server/loss/catalogue.h"
#include "server/loss/compute.h"

namespace lossd::loss {
namespace {

LossSpec SpecOf(const DigitsCase& given) {
  LossSpec spec;
  spec.activation = Activation::kLogProbability;
  spec.form = FindForm(given.form);
  spec.parameters = DefaultParameters(*spec.form);
  for (size_t i = 0; i < given.parameters.size(); ++i) {
    if (given.parameters[i] != 0 || i == 0) spec.parameters[i] = given.parameters[i];
  }
  spec.policy.ratio.log_ratio_cap = given.cap;
  if (given.penalty.coefficient != 0) spec.policy.kl_penalty = given.penalty;
  return spec;
}

// Expects the digits that a double has, relative to the largest of the terms that are added.
void ExpectDigits(double actual, double expected, double terms) {
  EXPECT_NEAR(actual, expected, 2e-15 * (std::abs(expected) + terms));
}

TEST(PolicyDigits, AreThoseOfTheFormulasAndTheirDifferences) {
  for (const DigitsCase& given : kPolicyDigits) {
    const LossSpec spec = SpecOf(given);
    for (const DigitsToken& token : given.tokens) {
      SCOPED_TRACE(testing::Message() << given.form << ", u " << token.u << ", o " << token.old);
      Batch batch;
      batch.logits = absl::MakeConstSpan(&token.u, 1);
      batch.rows = 1;
      batch.classes = 1;
      batch.rollout.advantages = absl::MakeConstSpan(&token.advantage, 1);
      batch.rollout.old_log_probs = absl::MakeConstSpan(&token.old, 1);
      batch.rollout.reference_log_probs = absl::MakeConstSpan(&token.reference, 1);
      double value = 0;
      double slope = 0;
      double curvature = 0;
      Outputs outputs;
      outputs[Output::kLosses] = absl::MakeSpan(&value, 1);
      outputs[Output::kGradient] = absl::MakeSpan(&slope, 1);
      outputs[Output::kHessianDiagonal] = absl::MakeSpan(&curvature, 1);
      ASSERT_TRUE(Compute(batch, spec, {}, outputs, Executor(1)).ok());
      const double a = std::abs(token.advantage);
      ExpectDigits(value, token.value, a * std::abs(token.u));
      ExpectDigits(slope, token.slope, a);
      ExpectDigits(curvature, token.curvature, std::abs(token.slope));
    }
  }
}

}  // namespace
}  // namespace lossd::loss
