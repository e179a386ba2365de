#ifndef LOSSD_SERVER_RPC_DECODE_COMPUTE_REQUEST_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_COMPUTE_REQUEST_DECODER_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lossd/v1/compute.pb.h"
#include "server/loss/compute.h"
#include "server/loss/loss_spec.h"
#include "server/loss/options.h"
#include "server/rpc/decode/batch_decoder.h"
#include "server/rpc/decode/output_options_decoder.h"
#include "server/rpc/decode/run_decoder.h"
#include "server/threads/cancellation.h"

namespace lossd::rpc {

// A valid ComputeRequest in the core's terms.
struct ComputeCall {
  DecodedLogits logits;
  DecodedSamples samples;
  loss::LossSpec spec;
  loss::ComputeOptions options;
  OutputSelection outputs;
  std::optional<RunFields> run;  // that the batch is recorded in
};

// Checks a request and copies its tensors, large ones into memory of `pool`. Logits, and large
// columns of a rollout, are read where they are when they need no rearranging: the result then
// points into `request` and `payloads`, which were taken out of the request when it was received.
// `max_message_bytes` bounds the classes of a batch without samples, whose shape no elements
// confirm. Errors: UNIMPLEMENTED; INVALID_ARGUMENT with every violation found; RESOURCE_EXHAUSTED;
// CANCELLED.
absl::StatusOr<ComputeCall> DecodeComputeRequest(const v1::ComputeRequest& request,
                                                 const wire::TensorPayloads& payloads,
                                                 BufferPool& pool, int64_t max_message_bytes,
                                                 const Cancellation& cancellation = {});

// Checks what is known only when the batch is computed: that the columns of its rollout that were
// read where they are, are finite, and that a normalizer of 0 replaces a divisor of 0. Errors:
// INVALID_ARGUMENT; CANCELLED.
absl::Status CheckComputed(const ComputeCall& call, const loss::Result& result,
                           const Cancellation& cancellation);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_COMPUTE_REQUEST_DECODER_H_
