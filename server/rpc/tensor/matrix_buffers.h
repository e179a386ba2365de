#ifndef LOSSD_SERVER_RPC_TENSOR_MATRIX_BUFFERS_H_
#define LOSSD_SERVER_RPC_TENSOR_MATRIX_BUFFERS_H_

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "lossd/v1/tensor.pb.h"
#include "server/loss/outputs.h"
#include "server/memory/buffer_pool.h"
#include "server/threads/mutex.h"

namespace lossd::rpc {

// A matrix whose parts are buffers of their own, to be sent one after the other. They do not come
// from a pool, which would keep memory that others need in the meantime.
class MatrixBuffers final : public loss::MatrixParts {
 public:
  // `type` is FLOAT32 or FLOAT64.
  MatrixBuffers(int64_t columns, v1::DataType type) : columns_(columns), type_(type) {}

  loss::MutableFloatView Make(int64_t begin, int64_t end) override;

  // Returns all parts that were made, in the order of their rows.
  std::vector<Buffer> Take() &&;

 private:
  struct Part {
    int64_t begin;
    Buffer buffer;
  };

  const int64_t columns_;
  const v1::DataType type_;
  Mutex mutex_;
  std::vector<Part> parts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_MATRIX_BUFFERS_H_
