#ifndef LOSSD_SERVER_RPC_ENCODE_COMPUTE_RESPONSE_ENCODER_H_
#define LOSSD_SERVER_RPC_ENCODE_COMPUTE_RESPONSE_ENCODER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "lossd/v1/compute.pb.h"
#include "server/loss/compute.h"
#include "server/loss/outputs.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/decode/compute_request_decoder.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/matrix_buffers.h"
#include "server/rpc/wire/outgoing_tensor.h"

namespace lossd::rpc {

// RESOURCE_EXHAUSTED when the answer to `call` would not fit a message.
absl::Status CheckResponseFits(const ComputeCall& call, int64_t max_message_bytes);

// What the core writes into: arrays of the computed type, without elements where nothing is wanted.
struct OutputArrays {
  FloatArray losses;
  FloatArray gradient;
  std::unique_ptr<MatrixBuffers> gradient_parts;  // instead of `gradient`, where it is set
  FloatArray hessian_diagonal;
  FloatArray probabilities;
  FloatArray log_sum_exp;
};

OutputArrays AllocateOutputs(const ComputeCall& call, BufferPool& pool);
loss::Outputs ViewOf(OutputArrays& arrays);

// Large tensors are given in the memory that they were computed in, or, where they are converted,
// in memory of `pool`.
ComputeAnswer EncodeComputeResponse(const ComputeCall& call, OutputArrays arrays,
                                    const loss::Result& result, BufferPool& pool);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ENCODE_COMPUTE_RESPONSE_ENCODER_H_
