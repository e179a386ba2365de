#ifndef LOSSD_POLICY_LOSS_H_
#define LOSSD_POLICY_LOSS_H_

#include <optional>

namespace lossd {

// The forms of a ratio. u is ln p of a sampled token under the policy in training, o under the old
// policy, A its advantage (lossd/rollout.h); x = u − o and r = e^x, by RatioOptions. They need
// advantages, old log-probabilities and one u for each sample: log-probabilities, or softmax or
// sigmoid with integer labels and no smoothing. A = 0 makes loss and derivatives exactly 0,
// whatever r is, but for Dro's quadratic. At a bound exactly nothing is clipped.

struct ImportanceSampling {};  // −A r

struct Ppo {  // −min(r A, clip(r, 1 − ε_low, 1 + ε_high) A); Schulman et al. 2017
  double epsilon_low = 0.2;   // ≥ 0
  double epsilon_high = 0.2;  // ≥ 0

  // c > 1 + ε_high: for A < 0 the loss is at most −c A. Unset: none. Ye et al. 2020.
  std::optional<double> dual_clip = std::nullopt;
};

struct Cispo {  // −w A u, w = clip(r, minimum_ratio, maximum_ratio) held constant; MiniMax-M1 2025
  double minimum_ratio = 0.0;  // ≥ 0
  double maximum_ratio = 4.0;  // above minimum_ratio
};

struct Dro {           // −A u + ½ β x²; Richemond et al. 2024
  double beta = 0.05;  // ≥ 0
};

struct Sapo {                  // −A (4/τ) σ(τ (r − 1)); Gao et al. 2025
  double tau_positive = 1.0;   // > 0; τ where A > 0
  double tau_negative = 1.05;  // > 0; τ elsewhere
};

// How Dppo measures how far a token's probability p has moved from p_o under the old policy.
enum class DppoDivergence {
  kTotalVariation,  // |p − p_o|
  kKl,              // of two coins, p_o ln(p_o / p) + (1 − p_o) ln((1 − p_o) / (1 − p))
};

struct Dppo {  // −A r, and 0 where A drives p further off than a threshold; Qi et al. 2026
  DppoDivergence divergence = DppoDivergence::kTotalVariation;
  double threshold_low = 0.2;   // ≥ 0, for A < 0
  double threshold_high = 0.2;  // ≥ 0, for A > 0
};

// Of what a ratio of two policies is taken.
enum class RatioLevel {
  kToken,     // each token has its own x
  kSequence,  // x is the mean over the sequence, and the derivative the token's: GSPO, with Ppo
};

// How forms of a ratio take it.
struct RatioOptions {
  RatioLevel level = RatioLevel::kToken;

  // c > 0: x = clip(x, −c, c), with derivative 0 outside. Unset: none.
  std::optional<double> log_ratio_cap = std::nullopt;
};

// The estimate k of KL(policy ‖ reference) by one sampled token; f is ln p under the reference.
enum class KlEstimator {
  kK3,  // e^(f − u) − 1 − (f − u)
  kK1,  // u − f
  kK2,  // ½ (u − f)²
};

// What a penalty's gradient is the gradient of.
enum class KlGradient {
  kEstimator,  // k: 1 for k1, u − f for k2, 1 − e^(f − u) for k3
  kReverseKl,  // the divergence: the value is r k, and the derivative r (u − f); r is 1 without
               // old log-probabilities
};

// Adds β k to the loss of each sample, inside the same reduction. The sample weight multiplies it,
// the advantage does not.
struct KlPenalty {
  double coefficient = 0.0;  // β > 0
  KlEstimator estimator = KlEstimator::kK3;
  KlGradient gradient = KlGradient::kEstimator;
};

// What an importance weight beyond its bounds becomes.
enum class ImportanceWeightingMode {
  kClamp,  // the bound
  kZero,   // 0; such samples stay in the divisor
};

// Multiplies advantages by w = e^(o − q), held constant, for a sampler whose log-probabilities q
// are not those of the old policy.
struct ImportanceWeighting {
  RatioLevel level = RatioLevel::kToken;  // kSequence: of the mean of o − q, not of the sum
  double minimum = 0.0;                   // ≥ 0
  double maximum = 2.0;                   // above minimum
  ImportanceWeightingMode mode = ImportanceWeightingMode::kClamp;
};

}  // namespace lossd

#endif  // LOSSD_POLICY_LOSS_H_
