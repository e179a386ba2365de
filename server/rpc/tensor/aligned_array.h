#ifndef LOSSD_SERVER_RPC_TENSOR_ALIGNED_ARRAY_H_
#define LOSSD_SERVER_RPC_TENSOR_ALIGNED_ARRAY_H_

#include <cstddef>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/types/span.h"
#include "server/loss/float_view.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/tensor/data_type.h"

namespace lossd::rpc {

// An owned array of numbers, aligned for vector loads. Unlike those of a std::vector, its elements
// start uninitialised: write each before it is read.
template <typename T>
class AlignedArray {
  static_assert(std::is_trivial_v<T>);

 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t size) : size_(size), buffer_(size * sizeof(T)) {}
  AlignedArray(size_t size, BufferPool& pool) : size_(size), buffer_(pool.Take(size * sizeof(T))) {}

  size_t size() const { return size_; }
  T* data() { return static_cast<T*>(buffer_.data()); }
  const T* data() const { return static_cast<const T*>(buffer_.data()); }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  absl::Span<T> span() { return {data(), size_}; }
  absl::Span<const T> span() const { return {data(), size_}; }

  // Returns the array's memory, and leaves it empty.
  Buffer TakeBuffer() && {
    size_ = 0;
    return std::move(buffer_);
  }

 private:
  size_t size_ = 0;
  Buffer buffer_;
};

// An array of either computed type.
using FloatArray = std::variant<AlignedArray<float>, AlignedArray<double>>;

// Returns an array of the type that tensors of `type` are computed in.
inline FloatArray MakeFloatArray(v1::DataType type, size_t size, BufferPool& pool) {
  if (ComputedType(type) == v1::DATA_TYPE_FLOAT64) return AlignedArray<double>(size, pool);
  return AlignedArray<float>(size, pool);
}

inline loss::FloatView ViewOf(const FloatArray& array) {
  return std::visit([](const auto& a) { return loss::FloatView(a.span()); }, array);
}

inline loss::MutableFloatView MutableViewOf(FloatArray& array) {
  return std::visit([](auto& a) { return loss::MutableFloatView(a.span()); }, array);
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_ALIGNED_ARRAY_H_
