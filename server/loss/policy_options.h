#ifndef LOSSD_SERVER_LOSS_POLICY_OPTIONS_H_
#define LOSSD_SERVER_LOSS_POLICY_OPTIONS_H_

#include <limits>
#include <optional>

#include "server/kernels/policy_tokens.h"

namespace lossd::loss {

// What a ratio of two policies is taken of: a token, or the mean of a sequence's log-ratios, whose
// derivative each token has by its own.
enum class RatioLevel { kToken, kSequence };

struct RatioOptions {
  RatioLevel level = RatioLevel::kToken;
  // x ← clip(x, −c, c), with derivative 0 outside.
  double log_ratio_cap = std::numeric_limits<double>::infinity();
};

using kernels::KlEstimator;
using kernels::KlGradient;
using kernels::WeightMode;

// Adds β k, the divergence of the policy from the reference, to the loss, beside its advantage.
struct KlPenalty {
  double coefficient = 0;  // β > 0
  KlEstimator estimator = KlEstimator::kK3;
  KlGradient gradient = KlGradient::kEstimator;
};

// Multiplies the advantage by e^(o − q), the old policy's weight of what the sampler drew.
struct ImportanceWeighting {
  RatioLevel level = RatioLevel::kToken;  // kSequence: of the mean of o − q
  double minimum = 0;                     // ≥ 0
  double maximum = 2;                     // > minimum
  WeightMode mode = WeightMode::kClamp;
};

// The options of a loss that reads a rollout.
struct PolicyOptions {
  RatioOptions ratio;
  std::optional<KlPenalty> kl_penalty;
  std::optional<ImportanceWeighting> importance_weighting;

  // Returns true when something is taken of whole sequences.
  bool reads_sequences() const {
    return ratio.level == RatioLevel::kSequence ||
           (importance_weighting && importance_weighting->level == RatioLevel::kSequence);
  }
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_POLICY_OPTIONS_H_
