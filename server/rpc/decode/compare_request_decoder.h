#ifndef LOSSD_SERVER_RPC_DECODE_COMPARE_REQUEST_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_COMPARE_REQUEST_DECODER_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/statusor.h"
#include "lossd/v1/compare.pb.h"
#include "server/loss/loss_spec.h"
#include "server/loss/options.h"
#include "server/rpc/decode/batch_decoder.h"
#include "server/threads/cancellation.h"

namespace lossd::rpc {

// A valid CompareRequest in the core's terms.
struct CompareCall {
  DecodedLogits logits;
  // Decoded once for each activation among `specs`, which says what a sample is.
  std::map<loss::Activation, DecodedSamples> samples;
  std::vector<loss::LossSpec> specs;
  loss::ComputeOptions options;
};

// Checks a request and copies its tensors, as DecodeComputeRequest does, with the same errors. The
// logits are always copied, since every loss reads them.
absl::StatusOr<CompareCall> DecodeCompareRequest(const v1::CompareRequest& request,
                                                 const wire::TensorPayloads& payloads,
                                                 BufferPool& pool, int64_t max_message_bytes,
                                                 const Cancellation& cancellation = {});

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_COMPARE_REQUEST_DECODER_H_
