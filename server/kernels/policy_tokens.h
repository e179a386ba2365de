#ifndef LOSSD_SERVER_KERNELS_POLICY_TOKENS_H_
#define LOSSD_SERVER_KERNELS_POLICY_TOKENS_H_

#include <cstdint>

#include "server/kernels/policy_sums.h"

// Columns of the samples of a policy loss, tokens, in double. All arrays are [padded_count] and
// aligned to 64 bytes; what is ignored, and what is past the count, holds 0, and `used` is 1 for
// the others.
namespace lossd::kernels {

// Numbers of `from` as doubles: 0 where `used` is 0, and past the count.
struct TokenColumn {
  int64_t count = 0;
  const float* from_floats = nullptr;  // one of the two
  const double* from_doubles = nullptr;
  const double* used = nullptr;  // null: all are used
  double* to = nullptr;
};

// The ratio of the policy in training to the old one: x = clip(log_ratio, −cap, cap), r = e^x.
struct TokenRatios {
  int64_t count = 0;
  const double* log_ratio = nullptr;
  double cap = 0;  // > 0, or ∞

  // Outputs.
  double* capped = nullptr;  // x; may be log_ratio
  double* ratio = nullptr;   // r
  double* moves = nullptr;   // dx/du: 0 where the cap holds, else 1
};

// What a form of a ratio computes from.
struct PolicyTokens {
  int64_t count = 0;
  const double* log_p = nullptr;      // u
  const double* old_log_p = nullptr;  // o
  const double* log_ratio = nullptr;  // x
  const double* ratio = nullptr;      // r
  const double* moves = nullptr;
  const double* advantage = nullptr;  // A
  const double* used = nullptr;

  // Outputs.
  double* value = nullptr;
  double* slope = nullptr;
  double* curvature = nullptr;  // may be null
  PolicySums* sums = nullptr;   // may be null; the clipped are counted
};

// Multiplies a form of u by the advantage; 0 where that is 0, whatever the form is.
struct AdvantageTokens {
  int64_t count = 0;
  const double* advantage = nullptr;

  // Changed.
  double* value = nullptr;
  double* slope = nullptr;
  double* curvature = nullptr;  // may be null
};

// How far a policy is from the reference, by one token: u − f, its half square, or e^(f − u) − 1 −
// (f − u).
enum class KlEstimator { kK1, kK2, kK3 };

// What is differentiated: the estimate itself, or the expectation that r times it stands for.
enum class KlGradient { kEstimator, kReverseKl };

// Adds β k to a form. With kReverseKl the value is r k and the derivative r (u − f).
struct KlTokens {
  int64_t count = 0;
  const double* log_p = nullptr;
  const double* reference_log_p = nullptr;  // f
  const double* ratio = nullptr;            // null: r is the constant 1
  const double* moves = nullptr;            // beside the ratio
  double coefficient = 0;                   // β
  KlEstimator estimator = KlEstimator::kK3;
  KlGradient gradient = KlGradient::kEstimator;

  // Added to.
  double* value = nullptr;
  double* slope = nullptr;
  double* curvature = nullptr;  // may be null

  // Where K3 is the estimate, what the statistics add up of the reference is added here.
  PolicySums* sums = nullptr;  // may be null
};

// What a weight beyond its bounds becomes.
enum class WeightMode { kClamp, kZero };

// Multiplies advantages by w = e^log_weight, within bounds.
struct WeightTokens {
  int64_t count = 0;
  const double* log_weight = nullptr;
  const double* used = nullptr;
  double minimum = 0;
  double maximum = 0;
  WeightMode mode = WeightMode::kClamp;
  double* advantage = nullptr;  // changed
  PolicySums* sums = nullptr;   // may be null; what is beyond the bounds is counted
};

// What the statistics add up.
struct TokenStatistics {
  int64_t count = 0;
  const double* log_p = nullptr;
  const double* used = nullptr;
  const double* old_log_p = nullptr;        // null: there are none, and no ratios
  const double* reference_log_p = nullptr;  // null: there are none
  const double* ratio = nullptr;            // beside old_log_p
  PolicySums* sums = nullptr;
};

// Functions of tokens that are compiled once for all forms.
struct TokenKernels {
  void (*load)(const TokenColumn&) = nullptr;
  // Writes value[i] · scale[i] for `count` tokens.
  void (*write_f32)(const double* value, const double* scale, int64_t count, float* to) = nullptr;
  void (*write_f64)(const double* value, const double* scale, int64_t count, double* to) = nullptr;
  void (*ratios)(const TokenRatios&) = nullptr;
  void (*multiply)(const AdvantageTokens&) = nullptr;
  void (*weigh)(const WeightTokens&) = nullptr;
  void (*add_kl)(const KlTokens&) = nullptr;
  void (*add_statistics)(const TokenStatistics&) = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_POLICY_TOKENS_H_
