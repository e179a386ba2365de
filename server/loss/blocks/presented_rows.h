#ifndef LOSSD_SERVER_LOSS_BLOCKS_PRESENTED_ROWS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_PRESENTED_ROWS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/presented_samples.h"
#include "server/threads/cancellation.h"
#include "server/threads/executor.h"

namespace lossd::loss {

// Memory for what presented samples are read from, beside what a computation writes anyway.
template <typename T>
class PresentedOutputs {
 public:
  // Adds to `outputs` and `records` what is missing there.
  PresentedOutputs(const BatchPlan& plan, TypedOutputs<T>& outputs, SampleRecords& records);

  // Writes the samples of a batch that was computed into these outputs, which are those of `whole`.
  // Takes the records.
  void Take(const BatchPlan& plan, const RowWindow<T>& whole, const Cancellation& cancellation,
            PresentedSamples& presented) const;

 private:
  std::vector<T> losses_;
  std::vector<T> margins_;
};

// Returns true when the losses of a batch without mining are its samples' own: ℓ.
inline bool HasOwnLosses(const BatchPlan& plan) {
  return plan.batch.sample_weights.empty() && plan.SummingExponent() == 0;
}

// Computes a batch for its presented samples alone. `plan` is that of the batch as it is asked for;
// its logits can be read again. Errors: CANCELLED.
template <typename T>
absl::Status ComputePresented(const BatchPlan& plan, absl::Span<const T> logits,
                              const Executor& executor, const Cancellation& cancellation,
                              PresentedSamples& presented);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_PRESENTED_ROWS_H_
