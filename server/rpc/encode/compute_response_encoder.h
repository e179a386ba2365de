#ifndef LOSSD_SERVER_RPC_ENCODE_COMPUTE_RESPONSE_ENCODER_H_
#define LOSSD_SERVER_RPC_ENCODE_COMPUTE_RESPONSE_ENCODER_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "lossd/v1/compute.pb.h"
#include "server/loss/compute.h"
#include "server/loss/outputs.h"
#include "server/loss/work.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/decode/compute_request_decoder.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/matrix_buffers.h"
#include "server/rpc/wire/outgoing_tensor.h"
#include "server/threads/cancellation.h"

namespace lossd::rpc {

// Returns RESOURCE_EXHAUSTED when the answer to `call` would not fit in a message.
absl::Status CheckResponseFits(const ComputeCall& call, int64_t max_message_bytes);

// Returns what the answer to `call` takes: the arrays that are computed, what they are converted
// to, and the message. `batch` is the call's.
loss::Work EncodingWork(const ComputeCall& call, const loss::Batch& batch);

// A gradient that the core writes in the type of 16 bits in which it is answered.
struct HalfGradient {
  Buffer buffer;
  v1::DataType type;
};

// The memory that the core writes to: arrays of the computed type, empty where nothing is wanted.
struct OutputArrays : loss::PerOutput<FloatArray> {
  // Each replaces the array of kGradient when it is set.
  std::unique_ptr<MatrixBuffers> gradient_parts;
  std::optional<HalfGradient> half_gradient;
};

// Returns memory of `pool` for the outputs that `call` asks for.
OutputArrays AllocateOutputs(const ComputeCall& call, BufferPool& pool);

loss::Outputs ViewOf(OutputArrays& arrays);

// Returns the answer to `call`. Its large tensors are in the memory in which they were computed or,
// when they are converted, in memory of `pool`. Incomplete if a cancellation was seen.
ComputeAnswer EncodeComputeResponse(const ComputeCall& call, OutputArrays&& arrays,
                                    const loss::Result& result, BufferPool& pool,
                                    const Cancellation& cancellation = {});

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ENCODE_COMPUTE_RESPONSE_ENCODER_H_
