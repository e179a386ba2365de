#include "server/rpc/tensor/request_column.h"

#include <cstddef>

#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/tensor_values.h"

namespace lossd::rpc {
namespace {

// Fewer elements are copied in less time than another thread takes to wake, and stay in a cache.
constexpr int64_t kSmallest = int64_t{1} << 16;

bool AllFinite(absl::Span<const float> values) {
  int32_t broken = 0;
  for (const float v : values) broken |= v - v == 0 ? 0 : 1;  // ∞ − ∞ is NaN
  return broken == 0;
}

}  // namespace

bool RequestColumn::Reads(const TensorView& tensor) {
  return tensor.size >= kSmallest && tensor.style() == TensorStyle::kData && IsFloat(tensor.type) &&
         ComputedType(tensor.type) == v1::DATA_TYPE_FLOAT32;
}

RequestColumn::RequestColumn(const TensorView& tensor)
    : reader_(MakeReader(tensor)), size_(tensor.size) {}

void RequestColumn::Read(int64_t begin, absl::Span<float> out) const {
  reader_->Read(begin, out);
  if (!AllFinite(out)) all_finite_.store(false, std::memory_order_relaxed);
}

FloatArray RequestColumn::Copy() const {
  AlignedArray<float> copy(static_cast<size_t>(size_));
  reader_->Read(0, copy.span());
  return copy;
}

}  // namespace lossd::rpc
