#ifndef LOSSD_CLIENT_SRC_CHUNKS_BATCH_COMPLETION_H_
#define LOSSD_CLIENT_SRC_CHUNKS_BATCH_COMPLETION_H_

#include "absl/status/status.h"
#include "client/src/call/connection.h"
#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/loss_spec.h"
#include "lossd/options.h"

namespace lossd::client {

// Writes into `loss` and `options` what the chunks of a splittable batch have to be told of the
// whole: the counts of a scheme that has none, and the divisor of a mean. Asks the server for the
// weights that a scheme makes of its counts, where the divisor depends on them.
absl::Status CompleteForChunks(const Connection& connection, const Shape& logits,
                               const Labels& labels, const CallOptions& call, LossSpec* loss,
                               ComputeOptions* options);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_BATCH_COMPLETION_H_
