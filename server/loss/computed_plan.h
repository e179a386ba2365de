#ifndef LOSSD_SERVER_LOSS_COMPUTED_PLAN_H_
#define LOSSD_SERVER_LOSS_COMPUTED_PLAN_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/compute.h"
#include "server/loss/mining.h"
#include "server/threads/cancellation.h"
#include "server/threads/executor.h"

namespace lossd::loss {

// Computes a batch about whose samples everything is `decided`, in one pass over its rows; in more
// where presented samples or extreme weights take passes of their own. T is float or double.
// Errors: CANCELLED, and those of the options' admit.
template <typename T>
absl::StatusOr<Result> ComputePlanned(const BatchPlan& plan, const MiningDecision& decided,
                                      absl::Span<const T> logits, const TypedOutputs<T>& outputs,
                                      const Executor& executor, const Cancellation& cancellation);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_COMPUTED_PLAN_H_
