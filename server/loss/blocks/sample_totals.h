#ifndef LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_TOTALS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_TOTALS_H_

#include <cstdint>
#include <functional>

#include "server/loss/batch.h"
#include "server/loss/blocks/class_terms.h"
#include "server/loss/blocks/sample_labels.h"
#include "server/loss/loss_spec.h"
#include "server/loss/wide.h"
#include "server/threads/cancellation.h"
#include "server/threads/executor.h"

namespace lossd::loss {

// Counts of the valid samples of a batch.
struct SampleTotals {
  double weight_sum = 0;  // kMean's divisor
  int64_t valid_count = 0;
  // The same, and the sum and the least of what the samples' losses are multiplied by: class
  // weights too, those of smoothed labels, and z_loss. Only where doubles may not do.
  Wide wide_weight_sum = 0;
  Wide factor_sum = 0;
  Wide least_factor = 0;  // of those above 0
};

// What the totals are of.
struct Weighed {
  const Batch& batch;
  const LossSpec& spec;
  const ClassTerms& terms;
  const ElementLabels& labels;
};

// Returns the count and the weight of the valid samples.
SampleTotals CountSamples(const Weighed& weighed, const Cancellation& cancellation);

// Adds the sums that are taken in Wide; the same bits on any number of threads. Returns false if
// the call was cancelled.
bool AddWideSums(const Weighed& weighed, const std::function<bool()>& cancelled,
                 const Executor& executor, SampleTotals& totals);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_TOTALS_H_
