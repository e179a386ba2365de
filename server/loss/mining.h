#ifndef LOSSD_SERVER_LOSS_MINING_H_
#define LOSSD_SERVER_LOSS_MINING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// Keeps the samples of the largest weighted loss, lower indices first on ties: k of them, or
// max(1, ⌊fraction · n + 1/2⌋) of n valid ones. Shrivastava et al. 2016, arXiv:1604.03540. Exactly
// one of the two is set.
struct HardestMining {
  std::optional<double> keep_fraction;  // (0, 1]
  std::optional<int64_t> keep_count;    // ≥ 1
};

// Keeps the samples with p_t below `probability`, and at least the min_kept of the lowest p_t.
struct ThresholdMining {
  double probability = 0.7;
  int64_t min_kept = 0;
};

// Weighs each sample by n / (n_bin · non-empty bins), where bins are of 1 - p_t. No gradient flows
// through the weight, and it is not in a divisor. Li et al. 2019, arXiv:1811.05181.
struct GradientHarmonizing {
  int32_t bins = 10;
};

using Mining = std::variant<std::monostate, HardestMining, ThresholdMining, GradientHarmonizing>;

class InnerPlans;
class SequenceMean;
class TokenTerms;

// What is decided about the samples of a batch before they are computed.
struct MiningDecision {
  std::vector<uint8_t> dropped;  // 1: the sample counts as ignored; empty when none is
  std::vector<double> weights;   // multiply the sample weights; empty when none do
  const SequenceMean* sequence_mean = nullptr;  // of Reduction::kSequenceMean
  const TokenTerms* token_terms = nullptr;      // of losses that read a rollout
  const InnerPlans* inner = nullptr;            // of these, where there are logits
};

// The samples that mining chooses from, one entry each.
struct MinedSamples {
  std::vector<double> losses;            // sample weight times loss
  std::vector<double> true_probability;  // p_t; may be empty for HardestMining
  std::vector<uint8_t> valid;
};

// Decides which samples count. NaN losses and probabilities rank as the hardest: mining must not
// hide them. Takes time in proportion to the samples.
MiningDecision Mine(const MinedSamples& samples, const Mining& mining,
                    const Cancellation& cancellation = {});

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_MINING_H_
