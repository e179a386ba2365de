#ifndef LOSSD_SERVER_RPC_TENSOR_TENSOR_ENCODER_H_
#define LOSSD_SERVER_RPC_TENSOR_TENSOR_ENCODER_H_

#include "lossd/v1/tensor.pb.h"
#include "server/loss/float_view.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/tensor_shape.h"
#include "server/rpc/tensor/tensor_view.h"
#include "server/threads/cancellation.h"

namespace lossd::rpc {

// What these return and write is incomplete if a cancellation was seen.

// Writes `values`, row-major of `shape`, to the empty `tensor`, in `style`. They are rounded to the
// float type `type`, to nearest, ties to even.
void EncodeTensor(loss::FloatView values, const Shape& shape, v1::DataType type, TensorStyle style,
                  v1::Tensor& tensor, const Cancellation& cancellation = {});

// Returns the bytes of `values` rounded to `type`, as a Tensor's `data` holds them. They are in the
// memory of `values` when these are of that type, else in memory of `pool`.
Buffer EncodeElements(FloatArray values, v1::DataType type, BufferPool& pool,
                      const Cancellation& cancellation = {});

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_TENSOR_ENCODER_H_
