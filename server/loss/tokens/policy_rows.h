#ifndef LOSSD_SERVER_LOSS_TOKENS_POLICY_ROWS_H_
#define LOSSD_SERVER_LOSS_TOKENS_POLICY_ROWS_H_

#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"

namespace lossd::loss {

// Computes rows [begin, end) of logits whose loss reads a rollout, by the plan's inner plans, into
// the window's outputs and records. The window is in MatrixLayout::kRows.
template <typename T>
void ComputePolicyRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                       int64_t end);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOKENS_POLICY_ROWS_H_
