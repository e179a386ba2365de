#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/loss/catalogue.h"
#include "server/loss/compute.h"

namespace lossd::loss {
namespace {

using Real = long double;
// A loss as a function of u, with what is detached held at its value.
using Surrogate = std::function<Real(Real u)>;

struct Token {
  double u;
  double old;
  double reference;
  double advantage;
};

struct Term {
  double value;
  double slope;
  double curvature;
};

Term ComputeToken(const LossSpec& spec, const Token& token) {
  Batch batch;
  batch.logits = absl::MakeConstSpan(&token.u, 1);
  batch.rows = 1;
  batch.classes = 1;
  batch.rollout.advantages = absl::MakeConstSpan(&token.advantage, 1);
  batch.rollout.old_log_probs = absl::MakeConstSpan(&token.old, 1);
  batch.rollout.reference_log_probs = absl::MakeConstSpan(&token.reference, 1);
  Term term = {};
  Outputs outputs;
  outputs[Output::kLosses] = absl::MakeSpan(&term.value, 1);
  outputs[Output::kGradient] = absl::MakeSpan(&term.slope, 1);
  outputs[Output::kHessianDiagonal] = absl::MakeSpan(&term.curvature, 1);
  const Executor executor(1);
  const auto result = Compute(batch, spec, {}, outputs, executor);
  EXPECT_TRUE(result.ok()) << result.status();
  return term;
}

LossSpec SpecOf(const std::string& form, const std::vector<double>& parameters = {}) {
  LossSpec spec;
  spec.activation = Activation::kLogProbability;
  spec.form = FindForm(form);
  spec.parameters = DefaultParameters(*spec.form);
  std::copy(parameters.begin(), parameters.end(), spec.parameters.begin());
  return spec;
}

Real Clip(Real x, Real low, Real high) { return std::min(std::max(x, low), high); }

Surrogate Ppo(const Token& t, Real low, Real high, Real dual) {
  return [=](Real u) {
    const Real r = std::exp(u - t.old);
    const Real worse = std::min(r * t.advantage, Clip(r, 1 - low, 1 + high) * t.advantage);
    return -(t.advantage < 0 ? std::max(worse, dual * t.advantage) : worse);
  };
}

Surrogate Cispo(const Token& t, Real least, Real most) {
  const Real w = Clip(std::exp(static_cast<Real>(t.u) - t.old), least, most);
  return [=](Real u) { return -w * t.advantage * u; };
}

Surrogate Sapo(const Token& t, Real positive, Real negative) {
  const Real tau = t.advantage > 0 ? positive : negative;
  return [=](Real u) {
    const Real r = std::exp(u - t.old);
    return -t.advantage * 4 / tau / (1 + std::exp(-tau * (r - 1)));
  };
}

// `by_kl`: the divergence of two coins instead of a difference.
Surrogate Dppo(const Token& t, Real low, Real high, int by_kl) {
  const Real p = std::exp(static_cast<Real>(t.u));
  const Real o = std::exp(static_cast<Real>(t.old));
  const Real kl = o * std::log(o / p) + (1 - o) * std::log((1 - o) / (1 - p));
  const Real up = by_kl == 0 ? p - o : p > o ? kl : 0;
  const Real down = by_kl == 0 ? o - p : p < o ? kl : 0;
  const Real m = (t.advantage > 0 && up > high) || (t.advantage < 0 && down > low) ? 0 : 1;
  return [=](Real u) { return -t.advantage * std::exp(u - t.old) * m; };
}

void ExpectDerivativesOf(const Surrogate& f, const Token& token, const Term& actual) {
  // Differences of the fourth order.
  const Real u = token.u;
  const Real h = 2e-4L;
  const auto at = [&](int steps) { return f(u + steps * h); };
  const auto slope = static_cast<double>((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h));
  const auto curvature =
      static_cast<double>((16 * (at(1) + at(-1)) - (at(2) + at(-2)) - 30 * at(0)) / (12 * h * h));
  const auto value = static_cast<double>(at(0));
  EXPECT_NEAR(actual.value, value, 5e-15 * std::max(1.0, std::abs(value)));
  EXPECT_NEAR(actual.slope, slope, 1e-11 * std::max(1.0, std::abs(slope)));
  EXPECT_NEAR(actual.curvature, curvature, 1e-8 * std::max(1.0, std::abs(curvature)));
}

std::vector<Token> Tokens() {
  std::vector<Token> tokens;
  for (const double u : {-0.01, -0.4, -1.3, -5.0}) {
    for (const double moved : {-1.7, -0.3, -0.05, 0.0, 0.1, 0.4, 1.2, 2.5}) {
      for (const double advantage : {-2.0, -0.3, 0.7, 1.5}) {
        tokens.push_back({u, u - moved - 1e-3, u - 0.4 * moved - 0.02, advantage});
      }
    }
  }
  for (Token& token : tokens) token.old = std::min(token.old, -1e-4);
  return tokens;
}

TEST(PolicyForms, HaveTheDerivativesOfTheirFormulas) {
  for (const Token& t : Tokens()) {
    SCOPED_TRACE(testing::Message() << "u " << t.u << ", o " << t.old << ", A " << t.advantage);
    const Real no_clip = HUGE_VALL;
    const auto check = [&](const LossSpec& spec, const Surrogate& surrogate) {
      SCOPED_TRACE(spec.form->name);
      ExpectDerivativesOf(surrogate, t, ComputeToken(spec, t));
    };
    check(SpecOf("importance_sampling"),
          [&](Real u) { return -t.advantage * std::exp(u - t.old); });
    check(SpecOf("ppo"), Ppo(t, 0.2, 0.2, no_clip));
    check(SpecOf("ppo", {0.1, 0.3, 3}), Ppo(t, 0.1, 0.3, 3));
    check(SpecOf("cispo"), Cispo(t, 0, 4));
    check(SpecOf("cispo", {0.8, 1.2}), Cispo(t, 0.8, 1.2));
    check(SpecOf("dro", {0.3}), [&](Real u) {
      return -t.advantage * u + static_cast<Real>(0.3) / 2 * (u - t.old) * (u - t.old);
    });
    check(SpecOf("sapo"), Sapo(t, 1, 1.05));
    check(SpecOf("sapo", {2.5, 0.7}), Sapo(t, 2.5, 0.7));
    check(SpecOf("dppo"), Dppo(t, 0.2, 0.2, 0));
    check(SpecOf("dppo", {0.05, 0.1}), Dppo(t, 0.05, 0.1, 0));
    check(SpecOf("dppo_by_kl", {0.01, 0.02}), Dppo(t, 0.01, 0.02, 1));
  }
}

Real Estimate(KlEstimator estimator, Real t) {
  if (estimator == KlEstimator::kK1) return -t;
  if (estimator == KlEstimator::kK2) return t * t / 2;
  return std::expm1(t) - t;
}

TEST(KlPenaltyForms, HaveTheDerivativesOfTheEstimate) {
  for (const KlEstimator estimator : {KlEstimator::kK1, KlEstimator::kK2, KlEstimator::kK3}) {
    LossSpec spec = SpecOf("dro", {0});
    spec.policy.kl_penalty = KlPenalty{0.6, estimator, KlGradient::kEstimator};
    for (const Token& t : Tokens()) {
      ExpectDerivativesOf(
          [&](Real u) {
            return -t.advantage * u + static_cast<Real>(0.6) * Estimate(estimator, t.reference - u);
          },
          t, ComputeToken(spec, t));
    }
  }
}

// The value is r k, the first derivative that of the divergence, r (u − f), and the second the
// derivative of that.
TEST(KlPenaltyForms, HaveTheGradientOfTheDivergence) {
  for (const KlEstimator estimator : {KlEstimator::kK1, KlEstimator::kK2, KlEstimator::kK3}) {
    LossSpec spec = SpecOf("dro", {0});
    spec.policy.kl_penalty = KlPenalty{1, estimator, KlGradient::kReverseKl};
    for (const Token& given : Tokens()) {
      Token t = given;
      t.advantage = 0;
      const Real r = std::exp(static_cast<Real>(t.u) - t.old);
      const Real x = static_cast<Real>(t.u) - t.reference;
      const Term term = ComputeToken(spec, t);
      const auto near = [](double actual, Real expected) {
        EXPECT_NEAR(actual, static_cast<double>(expected),
                    1e-13 * std::abs(static_cast<double>(expected)) + 1e-18);
      };
      near(term.value, r * Estimate(estimator, -x));
      near(term.slope, r * x);
      near(term.curvature, r * x + r);
    }
  }
}

TEST(KlPenaltyForms, OfNoDifferenceIsNothingWhateverTheRatio) {
  LossSpec spec = SpecOf("ppo");
  spec.policy.kl_penalty = KlPenalty{1, KlEstimator::kK3, KlGradient::kReverseKl};
  const Term term = ComputeToken(spec, {-1, -800, -1, 0});
  EXPECT_EQ(term.value, 0);
  EXPECT_EQ(term.slope, 0);
}

// E over the old policy's tokens of r (u − f) ∂u/∂θ is ∂KL(policy ‖ reference)/∂θ.
TEST(KlPenaltyForms, HaveTheDivergencesGradientInExpectation) {
  const Real z[] = {0.3L, -0.2L, 0.9L};
  const Real old[] = {0.2L, 0.5L, 0.3L};
  const Real reference[] = {0.4L, 0.25L, 0.35L};
  const auto policy = [&](Real moved, int k) {
    Real sum = 0;
    for (int j = 0; j < 3; ++j) sum += std::exp(z[j] + (j == 0 ? moved : 0));
    return std::exp(z[k] + (k == 0 ? moved : 0)) / sum;
  };
  const auto divergence = [&](Real moved) {
    Real sum = 0;
    for (int k = 0; k < 3; ++k) {
      sum += policy(moved, k) * std::log(policy(moved, k) / reference[k]);
    }
    return sum;
  };
  LossSpec spec = SpecOf("dro", {0});
  spec.policy.kl_penalty = KlPenalty{1, KlEstimator::kK3, KlGradient::kReverseKl};
  Real expectation = 0;
  for (int k = 0; k < 3; ++k) {
    const Token t = {static_cast<double>(std::log(policy(0, k))),
                     static_cast<double>(std::log(old[k])),
                     static_cast<double>(std::log(reference[k])), 0};
    const Real by_z0 = (k == 0 ? 1 : 0) - policy(0, 0);
    expectation += old[k] * ComputeToken(spec, t).slope * by_z0;
  }
  const Real h = 1e-5L;
  EXPECT_NEAR(static_cast<double>(expectation),
              static_cast<double>((divergence(h) - divergence(-h)) / (2 * h)), 1e-9);
}

}  // namespace
}  // namespace lossd::loss
