#ifndef LOSSD_SERVER_LOSS_BLOCKS_CUT_MEMORY_H_
#define LOSSD_SERVER_LOSS_BLOCKS_CUT_MEMORY_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lossd::loss {

// One allocation, from which a struct cuts the arrays that it names. Elements begin as 0.
template <typename T>
class CutMemory {
 public:
  explicit CutMemory(int64_t size) : elements_(static_cast<size_t>(size)) {}
  CutMemory(const CutMemory&) = delete;
  CutMemory& operator=(const CutMemory&) = delete;

  // Returns the next `size` elements, which no other array has.
  T* Cut(int64_t size) {
    T* const array = elements_.data() + cut_;
    cut_ += size;
    assert(static_cast<size_t>(cut_) <= elements_.size());
    return array;
  }

 private:
  std::vector<T> elements_;
  int64_t cut_ = 0;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_CUT_MEMORY_H_
