#ifndef LOSSD_SERVER_LOSS_BLOCKS_THREAD_SCRATCH_H_
#define LOSSD_SERVER_LOSS_BLOCKS_THREAD_SCRATCH_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/types/span.h"

namespace lossd::loss {

// Memory to work in, which the thread keeps from one block to the next, so that no block pays for
// fresh pages. More than 2²⁰ elements live as long as this object only. A thread has one object of
// a Purpose at a time. The elements hold anything.
template <typename T, typename Purpose>
class ThreadScratch {
 public:
  explicit ThreadScratch(size_t size) {
    constexpr size_t kKept = size_t{1} << 20;
    if (size > kKept) {
      own_.reset(new T[size]);  // not set to 0, which would take as long as the first pass over it
      span_ = {own_.get(), size};
      return;
    }
    thread_local std::vector<T> kept;
    if (kept.size() < size) kept.resize(size);
    span_ = {kept.data(), size};
  }
  ThreadScratch(const ThreadScratch&) = delete;
  ThreadScratch& operator=(const ThreadScratch&) = delete;

  absl::Span<T> span() const { return span_; }

 private:
  std::unique_ptr<T[]> own_;
  absl::Span<T> span_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_THREAD_SCRATCH_H_
