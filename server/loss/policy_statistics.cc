#include "server/loss/policy_statistics.h"

#include <cmath>

namespace lossd::loss {
namespace {

int64_t Count(double count) { return static_cast<int64_t>(std::llround(count)); }

double Mean(double sum, int64_t count) { return count == 0 ? 0 : sum / static_cast<double>(count); }

}  // namespace

PolicyStatistics MakePolicyStatistics(const kernels::PolicySums& sums, const Rollout& rollout,
                                      const PolicyOptions& policy, int64_t valid_count) {
  PolicyStatistics statistics;
  statistics.clipped_high_count = Count(sums.clipped_high);
  statistics.clipped_low_count = Count(sums.clipped_low);
  statistics.dual_clipped_count = Count(sums.dual_clipped);
  if (policy.importance_weighting) {
    statistics.weight_high_count = Count(sums.weight_high);
    statistics.weight_low_count = Count(sums.weight_low);
  }
  if (rollout.has_old()) {
    PolicyStatistics::Ratio& ratio = statistics.ratio.emplace();
    ratio.mean = Mean(sums.ratio, valid_count);
    ratio.mean_square = Mean(sums.ratio_square, valid_count);
    if (valid_count > 0) {
      ratio.min = sums.ratio_min;
      ratio.max = sums.ratio_max;
      // The square of the sum may leave double's range where the quotient does not.
      ratio.effective_sample_size =
          sums.ratio_square == 0 ? 0 : sums.ratio * (sums.ratio / sums.ratio_square);
    }
    statistics.kl = {Mean(sums.kl_k1, valid_count), Mean(sums.kl_k3, valid_count)};
  }
  if (rollout.has_reference()) {
    statistics.reference = {Mean(sums.reference_kl_k1, valid_count),
                            Mean(sums.reference_kl_k3, valid_count)};
  }
  return statistics;
}

}  // namespace lossd::loss
