#ifndef LOSSD_MINING_H_
#define LOSSD_MINING_H_

#include <cstdint>
#include <variant>

namespace lossd {

// Selects or weighs the samples of a batch by how hard they are. A dropped sample counts as
// ignored.

// Keeps the share f in (0, 1] of the n valid samples with the largest weighted losses:
// max(1, ⌊f n + ½⌋) of them. Shrivastava et al. 2016.
struct HardestFraction {
  double fraction = 1.0;
};

// Keeps the `count` ≥ 1 samples with the largest weighted losses.
struct HardestCount {
  int64_t count = 1;
};

// Keeps the samples with p_t below `probability`, in (0, 1]; when those are fewer than `min_kept` ≥
// 0, the `min_kept` of the lowest p_t. Wu et al. 2016.
struct BelowProbability {
  double probability = 0.7;
  int64_t min_kept = 0;
};

// Weighs each of the n samples by n / (n_bin · non-empty bins), over `bins` ≥ 1 bins of 1 − p_t.
// The weight is detached, and not in the divisor of a mean. Li et al. 2019.
struct GradientHarmonizing {
  int32_t bins = 10;
};

// None, or one of them.
using Mining = std::variant<std::monostate, HardestFraction, HardestCount, BelowProbability,
                            GradientHarmonizing>;

}  // namespace lossd

#endif  // LOSSD_MINING_H_
