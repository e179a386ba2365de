#include "server/rpc/tensor/matrix_buffers.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/types/span.h"

namespace lossd::rpc {

loss::MutableFloatView MatrixBuffers::Make(int64_t begin, int64_t end) {
  const auto size = static_cast<size_t>((end - begin) * columns_);
  Buffer buffer(size * (element_ == Element::kFloat32 ? sizeof(float) : sizeof(double)));
  void* const data = buffer.data();
  {
    const absl::MutexLock lock(&mutex_);
    parts_.push_back({begin, std::move(buffer)});
  }
  if (element_ == Element::kFloat32) return absl::MakeSpan(static_cast<float*>(data), size);
  return absl::MakeSpan(static_cast<double*>(data), size);
}

std::vector<Buffer> MatrixBuffers::Take() && {
  const absl::MutexLock lock(&mutex_);
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.begin < b.begin; });
  std::vector<Buffer> buffers;
  buffers.reserve(parts_.size());
  for (Part& part : parts_) buffers.push_back(std::move(part.buffer));
  parts_.clear();
  return buffers;
}

}  // namespace lossd::rpc
