#ifndef LOSSD_SERVER_LOSS_BLOCKS_SIGMOID_ELEMENTS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SIGMOID_ELEMENTS_H_

#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"

namespace lossd::loss {

// Computes the elements of rows [begin, end) of the window, which is in MatrixLayout::kRows, into
// its outputs and records. Thread-safe for disjoint ranges; an element's results do not depend on
// the range that it is computed in.
template <typename T>
void ComputeSigmoidElements(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                            int64_t end);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SIGMOID_ELEMENTS_H_
