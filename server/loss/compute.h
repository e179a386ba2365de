#ifndef LOSSD_SERVER_LOSS_COMPUTE_H_
#define LOSSD_SERVER_LOSS_COMPUTE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/loss/batch.h"
#include "server/loss/class_counts.h"
#include "server/loss/loss_spec.h"
#include "server/loss/options.h"
#include "server/loss/outputs.h"
#include "server/loss/policy_statistics.h"
#include "server/loss/statistics.h"
#include "server/threads/executor.h"

namespace lossd::loss {

// The scalars and statistics of a batch.
struct Result {
  double loss = 0;        // reduced
  double loss_sum = 0;    // sum of sample weight times loss
  double weight_sum = 0;  // kMean's divisor, whatever the reduction and the normalizer
  int64_t valid_count = 0;
  int64_t non_finite_count = 0;
  std::vector<double> class_weights;  // a class vector, as applied; empty when there were none
  std::optional<ClassStatistics> class_statistics;
  std::optional<Difficulty> difficulty;
  std::vector<int64_t> top_k_correct;
  int64_t vanishing_count = 0;
  // The sequences that have a sample of weight above 0; where the reduction or the loss read
  // sequences.
  std::optional<int64_t> sequence_count;
  std::optional<PolicyStatistics> policy_statistics;
};

// Computes one batch. A row gives the same bits in any batch, at any place and with any number of
// threads. Samples are added up in double, in an order that the shape of the batch alone decides.
// The logits of a batch's logit_reader are released as they are read, so such a batch is computed
// once. Errors: CANCELLED when `options.cancelled` says so; the outputs are then incomplete.
absl::StatusOr<Result> Compute(const Batch& batch, const LossSpec& spec,
                               const ComputeOptions& options, const Outputs& outputs,
                               const Executor& executor);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_COMPUTE_H_
