#ifndef LOSSD_SERVER_LOSS_BLOCKS_ROW_BLOCKS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_ROW_BLOCKS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/threads/executor.h"

namespace lossd::loss {

// Of a block's losses, taken while the caches hold them.
struct BlockSum {
  double sum = 0;
  int64_t non_finite_count = 0;
};

// Computes every row's outputs and records, block by block on the executor's threads, and the sum
// of each block's losses. Blocks depend on the shape of the batch and the activation alone, and so
// do the bits of the sums. Losses that are not wanted are forgotten once they are summed. Errors:
// CANCELLED when `run.options.cancelled` said so.
template <typename T>
absl::StatusOr<std::vector<BlockSum>> ComputeRows(Run<T> run, const Executor& executor);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_ROW_BLOCKS_H_
