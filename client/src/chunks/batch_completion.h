#ifndef LOSSD_CLIENT_SRC_CHUNKS_BATCH_COMPLETION_H_
#define LOSSD_CLIENT_SRC_CHUNKS_BATCH_COMPLETION_H_

#include "absl/status/status.h"
#include "client/src/call/connection.h"
#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/loss_spec.h"
#include "lossd/options.h"

namespace lossd::client {

// Sets in `loss` and `options` what depends on the whole of a splittable batch: the counts of a
// scheme that has none, the divisor of a mean, and the name of a request that is recorded. Where
// that depends on the class weights of a scheme, asks the server for them.
absl::Status CompleteForChunks(const Connection& connection, const Shape& logits,
                               const Labels& labels, const CallOptions& call, LossSpec& loss,
                               ComputeOptions& options);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_BATCH_COMPLETION_H_
