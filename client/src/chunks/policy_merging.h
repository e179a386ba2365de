#ifndef LOSSD_CLIENT_SRC_CHUNKS_POLICY_MERGING_H_
#define LOSSD_CLIENT_SRC_CHUNKS_POLICY_MERGING_H_

#include <cstdint>

#include "lossd/statistics.h"

namespace lossd::client {

// Merges the policy statistics of a batch's chunks. Counts and extremes are exact; a mean is that
// of the chunks' means, weighed by their samples.
class PolicyStatisticsMerger {
 public:
  // Adds a chunk of `valid_count` samples.
  void Add(const PolicyStatistics& chunk, int64_t valid_count);

  PolicyStatistics Merge() const;

 private:
  PolicyStatistics sums_;  // means times samples
  int64_t valid_count_ = 0;
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_POLICY_MERGING_H_
