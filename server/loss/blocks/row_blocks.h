#ifndef LOSSD_SERVER_LOSS_BLOCKS_ROW_BLOCKS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_ROW_BLOCKS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/kernels/policy_sums.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/wide.h"
#include "server/threads/executor.h"

namespace lossd::loss {

// The sum of a block's losses, taken while the caches hold them.
struct BlockSum {
  Wide sum = 0;  // a double's value, unless finite losses add up to more than a double has
  int64_t non_finite_count = 0;
  kernels::PolicySums policy;  // where ComputeOptions::policy_statistics asks for them
};

// Computes the outputs and records of every row, block by block on the executor's threads, and
// returns the sum of each block's losses. Blocks depend on the shape of the batch, its element type
// and the activation alone, and so do the bits of the sums. Losses that are not wanted are
// forgotten when they are summed. `whole` is the window of the whole batch. Errors: CANCELLED when
// `plan.options.cancelled` says so.
template <typename T>
absl::StatusOr<std::vector<BlockSum>> ComputeRows(const BatchPlan& plan, const RowWindow<T>& whole,
                                                  const Executor& executor);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_ROW_BLOCKS_H_
