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
#include "server/loss/statistics.h"
#include "server/threads/executor.h"

namespace lossd::loss {

struct Result {
  double loss = 0;        // reduced
  double loss_sum = 0;    // sum of sample weight times loss
  double weight_sum = 0;  // kMean's divisor, whatever the reduction and the normalizer
  int64_t valid_count = 0;
  int64_t non_finite_count = 0;
  std::vector<double> class_weights;  // [classes], as applied; empty when there were none
  std::optional<ClassStatistics> class_statistics;
  std::optional<Difficulty> difficulty;
  std::vector<int64_t> top_k_correct;
  int64_t vanishing_count = 0;
};

// Computes one batch. The same row gives the same bits whatever the batch around it, its position
// and the number of threads; sums over samples run in double, in an order
// that the shape of the batch alone decides.
// What a batch's logit_reader has is released as it is read, so that such a batch is computed once.
// Errors: CANCELLED when `options.cancelled` said so; the outputs then hold nothing of use.
absl::StatusOr<Result> Compute(const Batch& batch, const LossSpec& spec,
                               const ComputeOptions& options, const Outputs& outputs,
                               const Executor& executor);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_COMPUTE_H_
