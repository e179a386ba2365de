#ifndef LOSSD_SERVER_LOSS_BLOCKS_MARGINS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_MARGINS_H_

#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"

namespace lossd::loss {

// Writes the margins of the samples of rows [begin, end): how far the logits are from another
// decision. Softmax: z_t − max_{j≠t} z_j (Pleiss et al. 2020, arXiv:2001.10528); sigmoid: z if the
// target is ≥ ½, else −z. It is 0 for samples that are ignored, or that mining drops. `window` must
// have logits and Output::kMargin.
template <typename T>
void ComputeMargins(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end);

// Writes which samples of rows [begin, end) are correct, from their margins, to the records, which
// must have memory for that. Only a margin of 0 takes a look at the logits.
template <typename T>
void JudgeMargins(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_MARGINS_H_
