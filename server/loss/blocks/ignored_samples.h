#ifndef LOSSD_SERVER_LOSS_BLOCKS_IGNORED_SAMPLES_H_
#define LOSSD_SERVER_LOSS_BLOCKS_IGNORED_SAMPLES_H_

#include <cstdint>
#include <vector>

#include "server/loss/batch.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/loss_spec.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// Returns an entry for each sample, 1 where its weight is 0; none when no weight is 0.
std::vector<uint8_t> FindWeightless(const Batch& batch, Activation activation,
                                    const Cancellation& cancellation);

// Writes 0 to the outputs of ignored samples in rows [begin, end) that kernels compute whatever a
// sample weighs: probabilities and log-sum-exp.
template <typename T>
void ClearIgnored(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_IGNORED_SAMPLES_H_
