#ifndef LOSSD_SERVER_LOSS_POLICY_STATISTICS_H_
#define LOSSD_SERVER_LOSS_POLICY_STATISTICS_H_

#include <cstdint>
#include <optional>

#include "server/kernels/policy_sums.h"
#include "server/loss/policy_options.h"
#include "server/loss/rollout.h"

namespace lossd::loss {

// The ratios r of samples.
struct RatioStatistics {
  double mean = 0;
  double min = 0;
  double max = 0;
  double mean_square = 0;
  double effective_sample_size = 0;  // (Σ r)² / Σ r²
};

// Estimates of a divergence by samples.
struct DivergenceStatistics {
  double k1 = 0;
  double k3 = 0;
};

// How far the policy in training has moved, over the valid samples, each counting once. Means of no
// samples are 0.
struct PolicyStatistics {
  using Ratio = RatioStatistics;
  using Divergence = DivergenceStatistics;

  int64_t clipped_high_count = 0;
  int64_t clipped_low_count = 0;
  int64_t dual_clipped_count = 0;
  std::optional<int64_t> weight_high_count;  // of importance weights, where there are some
  std::optional<int64_t> weight_low_count;
  std::optional<Ratio> ratio;           // beside old log-probabilities
  std::optional<Divergence> kl;         // from the old policy, beside them
  std::optional<Divergence> reference;  // from the reference, where there is one
};

// Returns the statistics of `valid_count` samples, of whose rollout `sums` were taken.
PolicyStatistics MakePolicyStatistics(const kernels::PolicySums& sums, const Rollout& rollout,
                                      const PolicyOptions& policy, int64_t valid_count);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_POLICY_STATISTICS_H_
