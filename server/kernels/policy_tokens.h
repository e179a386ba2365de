#ifndef LOSSD_SERVER_KERNELS_POLICY_TOKENS_H_
#define LOSSD_SERVER_KERNELS_POLICY_TOKENS_H_

#include <cmath>
#include <cstdint>

#include "server/kernels/policy_sums.h"
#include "server/kernels/simd/inlining.h"

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

// A penalty in float.
struct FloatKl {
  float coefficient = 0;  // 0: there is none
  KlEstimator estimator = KlEstimator::kK3;
  KlGradient gradient = KlGradient::kEstimator;
};

// Numbers of a token beyond these are of unusual size: float could lose digits that double has.
inline constexpr float kFloatMostLogRatio = 30;
inline constexpr float kFloatLeast = 0x1p-40F;
inline constexpr float kFloatMost = 0x1p40F;

// Tokens of a policy loss in float, in one pass. All arrays are [count], a multiple of kLanes;
// those of scales, and `left`, are aligned to 64 bytes.
struct FloatTokens {
  int64_t count = 0;
  const float* log_p = nullptr;
  const float* old_log_p = nullptr;
  const float* reference_log_p = nullptr;  // may be null
  const float* advantage = nullptr;
  const float* loss_scale = nullptr;  // 0 for ignored tokens alone, of which nothing is read
  const float* gradient_scale = nullptr;
  float most_log_ratio = kFloatMostLogRatio;  // at most that
  FloatKl kl;

  // Outputs.
  float* losses = nullptr;     // φ · loss_scale
  float* gradient = nullptr;   // φ′ · gradient_scale; may be null
  float* slope = nullptr;      // φ′; may be null
  float* curvature = nullptr;  // φ″; may be null
  float* left = nullptr;  // 1 for tokens of unusual numbers, else 0; their outputs are anything
  PolicySums* sums = nullptr;  // may be null; of all but the tokens that are left
};

// Returns the scale in float, which is 0 for 0 alone.
LOSSD_ALWAYS_INLINE inline float NarrowScale(double scale) {
  constexpr double kLeast = 1e-37;
  const bool is_tiny = std::abs(scale) < kLeast && scale != 0;
  return static_cast<float>(is_tiny ? kLeast : scale);
}

// Weights as scales in float, by NarrowScale.
struct FloatScales {
  int64_t count = 0;
  const double* weights = nullptr;
  double gradient_factor = 0;
  float* loss = nullptr;      // weight
  float* gradient = nullptr;  // weight · gradient_factor
};

// Functions of tokens that are compiled once for all forms.
struct TokenKernels {
  void (*scales)(const FloatScales&) = nullptr;
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
