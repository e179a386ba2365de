#ifndef LOSSD_SERVER_LOSS_WORK_H_
#define LOSSD_SERVER_LOSS_WORK_H_

#include "absl/types/span.h"
#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"
#include "server/loss/options.h"
#include "server/loss/outputs.h"

namespace lossd::loss {

// What a computation takes, estimated from above before it begins. Doubles, which do not overflow.
struct Work {
  double operations = 0;  // about as many nanoseconds of one thread
  double bytes = 0;       // memory that it holds at a time, beside its arguments

  Work& operator+=(const Work& other) {
    operations += other.operations;
    bytes += other.bytes;
    return *this;
  }
};

// Returns what Compute takes on `thread_count` threads, for the outputs that are wanted.
Work WorkOfCompute(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                   const PerOutput<bool>& wanted, int thread_count);

// Returns what it takes more where samples weigh so little, or so much, that their losses are added
// up in a computation of their own. No memory: the first computation's is free then.
Work WorkOfAddingUp(const Batch& batch, const LossSpec& spec, const ComputeOptions& options);

// Returns what Compare takes.
Work WorkOfCompare(const Batch& batch, absl::Span<const LossSpec* const> specs,
                   const ComputeOptions& options, int thread_count);

// Returns what the columns of class statistics take, in which `batch` can have samples of that many
// classes: all, or those that are present.
double ColumnEntries(const Batch& batch, const LossSpec& spec, const ComputeOptions& options);

// Returns what ComputeClassWeights takes for so many classes.
Work WorkOfClassWeights(double classes);

// Returns what MeasureInformation takes for `rows` rows.
Work WorkOfInformation(double rows, double outcomes, double distributions);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_WORK_H_
