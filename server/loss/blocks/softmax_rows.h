#ifndef LOSSD_SERVER_LOSS_BLOCKS_SOFTMAX_ROWS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SOFTMAX_ROWS_H_

#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"

namespace lossd::loss {

// Computes rows [begin, end) of the window into its outputs and records. Thread-safe for disjoint
// ranges; a row's results do not depend on the range that it is computed in.
template <typename T>
void ComputeSoftmaxRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                        int64_t end);

// Returns true when ComputeSoftmaxRows takes windows in MatrixLayout::kStrided.
template <typename T>
bool ReadsStridedRows(const BatchPlan& plan);

// Returns true when ComputeSoftmaxRows takes windows in MatrixLayout::kRows that have the outputs
// and records of `whole`, and whose logits are pieces.
template <typename T>
bool ReadsPieces(const BatchPlan& plan, const RowWindow<T>& whole);

// Returns true when it writes RowWindow's half_gradient of such windows itself.
template <typename T>
bool WritesHalfGradient(const BatchPlan& plan);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SOFTMAX_ROWS_H_
