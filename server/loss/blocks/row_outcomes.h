#ifndef LOSSD_SERVER_LOSS_BLOCKS_ROW_OUTCOMES_H_
#define LOSSD_SERVER_LOSS_BLOCKS_ROW_OUTCOMES_H_

#include <cstdint>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"

namespace lossd::loss {

// Records the outcomes of softmax rows [begin, end) of the window: what their logits predict, and
// the rank of the truth. They are compared while the caches hold them.
template <typename T>
void JudgeRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_ROW_OUTCOMES_H_
