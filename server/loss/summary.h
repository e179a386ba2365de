#ifndef LOSSD_SERVER_LOSS_SUMMARY_H_
#define LOSSD_SERVER_LOSS_SUMMARY_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_blocks.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/compute.h"
#include "server/loss/options.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// Returns true when statistics are asked for, which read what samples leave in records.
bool WantsRecords(const ComputeOptions& options);

// Returns the scalars and statistics of a batch whose losses and records were computed. `whole` is
// its window, and `sums` are those of its blocks. Errors: CANCELLED.
template <typename T>
absl::StatusOr<Result> Summarize(const BatchPlan& plan, const RowWindow<T>& whole,
                                 absl::Span<const BlockSum> sums, const Cancellation& cancellation);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_SUMMARY_H_
