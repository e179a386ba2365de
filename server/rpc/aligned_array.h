#ifndef LOSSD_SERVER_RPC_ALIGNED_ARRAY_H_
#define LOSSD_SERVER_RPC_ALIGNED_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <variant>

#include "absl/types/span.h"
#include "server/loss/float_view.h"

namespace lossd::rpc {

// A cache line, and the widest vector register.
inline constexpr size_t kArrayAlignment = 64;

// An owned array of numbers, aligned for vector loads. Unlike std::vector it starts uninitialised:
// whoever makes one writes every element.
template <class T>
class AlignedArray {
  static_assert(std::is_trivial_v<T>);

 public:
  AlignedArray() = default;
  explicit AlignedArray(size_t size)
      : size_(size),
        elements_(static_cast<T*>(
            ::operator new (size_ * sizeof(T), std::align_val_t{kArrayAlignment}))) {}

  size_t size() const { return size_; }
  T* data() { return elements_.get(); }
  const T* data() const { return elements_.get(); }
  T& operator[](size_t i) { return elements_.get()[i]; }
  const T& operator[](size_t i) const { return elements_.get()[i]; }
  absl::Span<T> span() { return {data(), size_}; }
  absl::Span<const T> span() const { return {data(), size_}; }

 private:
  struct Delete {
    void operator()(T* elements) const {
      ::operator delete (elements, std::align_val_t{kArrayAlignment});
    }
  };

  size_t size_ = 0;
  std::unique_ptr<T, Delete> elements_;
};

// Of either computed type.
using FloatArray = std::variant<AlignedArray<float>, AlignedArray<double>>;

inline loss::FloatView ViewOf(const FloatArray& array) {
  return std::visit([](const auto& a) { return loss::FloatView(a.span()); }, array);
}

inline loss::MutableFloatView MutableViewOf(FloatArray& array) {
  return std::visit([](auto& a) { return loss::MutableFloatView(a.span()); }, array);
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ALIGNED_ARRAY_H_
