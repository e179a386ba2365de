#ifndef LOSSD_SERVER_LOSS_BLOCKS_MARGINS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_MARGINS_H_

#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"

namespace lossd::loss {

// Writes the margins of the samples of rows [begin, end): how far the logits are from another
// decision. Softmax: z_t − max_{j≠t} z_j (Pleiss et al. 2020, arXiv:2001.10528); sigmoid: z if the
// target is ≥ ½, else −z. It is 0 for samples that are ignored, or that mining drops. Where the
// records have memory for it, writes which samples are correct, too. `window` must have
// Output::kMargin and logits; those of a softmax may be in pieces.
template <typename T>
void ComputeMargins(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_MARGINS_H_
