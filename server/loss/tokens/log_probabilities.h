#ifndef LOSSD_SERVER_LOSS_TOKENS_LOG_PROBABILITIES_H_
#define LOSSD_SERVER_LOSS_TOKENS_LOG_PROBABILITIES_H_

#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"

namespace lossd::loss {

// Computes rows [begin, end) of the window, whose logits are log-probabilities in an array, into
// its outputs and records. Thread-safe for disjoint ranges; a sample's results do not depend on the
// range that it is computed in.
template <typename T>
void ComputeLogProbabilities(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                             int64_t end);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_TOKENS_LOG_PROBABILITIES_H_
