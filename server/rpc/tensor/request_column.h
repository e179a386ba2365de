#ifndef LOSSD_SERVER_RPC_TENSOR_REQUEST_COLUMN_H_
#define LOSSD_SERVER_RPC_TENSOR_REQUEST_COLUMN_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "server/loss/batch.h"
#include "server/loss/rollout.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {

// A column of a request that is read where it lies. Nobody checks its numbers before they are
// computed with: it looks at what it reads, while that is in the cache, and tells afterwards.
class RequestColumn final : public loss::ColumnReader {
 public:
  // Returns true for tensors that are floats in `data`, of one of the types that are computed in
  // float, and so large that it pays.
  static bool Reads(const TensorView& tensor);

  // Needs Reads(tensor), whose bytes outlive this.
  explicit RequestColumn(const TensorView& tensor);

  int64_t size() const override { return size_; }
  void Read(int64_t begin, absl::Span<float> out) const override;

  // Returns true when everything that was read so far is finite.
  bool all_finite() const { return all_finite_.load(std::memory_order_relaxed); }

  // Returns all numbers, and looks at none.
  FloatArray Copy() const;

 private:
  const std::unique_ptr<loss::LogitReader> reader_;
  const int64_t size_;
  mutable std::atomic<bool> all_finite_ = true;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_REQUEST_COLUMN_H_
