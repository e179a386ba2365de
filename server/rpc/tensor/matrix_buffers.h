#ifndef LOSSD_SERVER_RPC_TENSOR_MATRIX_BUFFERS_H_
#define LOSSD_SERVER_RPC_TENSOR_MATRIX_BUFFERS_H_

#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/loss/outputs.h"
#include "server/memory/buffer_pool.h"

namespace lossd::rpc {

// A matrix whose parts are buffers of their own, to be sent one after the other. They are not a
// pool's, which would keep them from whoever wants memory meanwhile.
class MatrixBuffers final : public loss::MatrixParts {
 public:
  enum class Element { kFloat32, kFloat64 };

  MatrixBuffers(int64_t columns, Element element) : columns_(columns), element_(element) {}

  loss::MutableFloatView Make(int64_t begin, int64_t end) override;

  // All that were made, in the order of their rows.
  std::vector<Buffer> Take() &&;

 private:
  struct Part {
    int64_t begin;
    Buffer buffer;
  };

  const int64_t columns_;
  const Element element_;
  absl::Mutex mutex_;
  std::vector<Part> parts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_MATRIX_BUFFERS_H_
