#ifndef LOSSD_SERVER_LOSS_TOKENS_SEQUENCE_MEAN_H_
#define LOSSD_SERVER_LOSS_TOKENS_SEQUENCE_MEAN_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"
#include "server/loss/mining.h"
#include "server/loss/options.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// Returns how many sequences have a sample of weight above 0 that is not ignored.
int64_t CountSequences(const Batch& batch, const LossSpec& spec, const MiningDecision& decided,
                       const Cancellation& cancellation);

// The divisors of Reduction::kSequenceMean: Σ_i (Σ_t s ℓ / Σ_t s) / S over the S sequences i with
// Σ_t s > 0, or over the normalizer instead of S.
class SequenceMean {
 public:
  SequenceMean(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
               const MiningDecision& decided, const Cancellation& cancellation);

  // Returns what the derivative of each sample's loss is multiplied by, as an upstream gradient
  // would be. It refers to this object.
  PerSample scales() const;

  // Returns S.
  int64_t count() const { return count_; }

  // Returns the mean of the weighted losses of the whole batch.
  template <typename T>
  double MeanOf(absl::Span<const T> losses, const Cancellation& cancellation) const;

 private:
  const Sequences& sequences_;
  int64_t count_ = 0;
  std::vector<double> of_sequence_;  // 1 / (Σ_t s · S), 0 where there is no weight
  std::vector<double> of_sample_;    // the same, where sequences differ in their lengths
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOKENS_SEQUENCE_MEAN_H_
