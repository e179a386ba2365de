#include "server/rpc/tensor/matrix_buffers.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/types/span.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/element_types.h"

namespace lossd::rpc {

loss::MutableFloatView MatrixBuffers::Make(int64_t begin, int64_t end) {
  const auto size = static_cast<size_t>((end - begin) * columns_);
  Buffer buffer(size * static_cast<size_t>(ElementSize(type_)));
  void* const data = buffer.data();
  {
    const MutexLock lock(&mutex_);
    parts_.push_back({begin, std::move(buffer)});
  }
  if (IsStoredAs<double>(type_)) return absl::MakeSpan(static_cast<double*>(data), size);
  return absl::MakeSpan(static_cast<float*>(data), size);
}

std::vector<Buffer> MatrixBuffers::Take() && {
  const MutexLock lock(&mutex_);
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.begin < b.begin; });
  std::vector<Buffer> buffers;
  buffers.reserve(parts_.size());
  for (Part& part : parts_) buffers.push_back(std::move(part.buffer));
  parts_.clear();
  return buffers;
}

}  // namespace lossd::rpc
