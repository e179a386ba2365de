#ifndef LOSSD_SERVER_THREADS_CANCELLATION_H_
#define LOSSD_SERVER_THREADS_CANCELLATION_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

namespace lossd {

// Asks whether a call was cancelled, and remembers that it was. A loop over much data asks before
// each block (ForEachBlock) and stops: what it leaves is incomplete, and whoever made this looks at
// seen() before using it. For one thread.
class Cancellation {
 public:
  // Never cancelled.
  Cancellation() = default;
  // `cancelled` may be null, which never says true.
  explicit Cancellation(std::function<bool()> cancelled) : cancelled_(std::move(cancelled)) {}

  // Returns true when the call was cancelled, now or when it was asked before.
  bool Ask() const {
    if (!seen_ && cancelled_ && cancelled_()) seen_ = true;
    return seen_;
  }

  // Returns true when Ask() ever did: some loop may have stopped early.
  bool seen() const { return seen_; }

 private:
  std::function<bool()> cancelled_;
  mutable bool seen_ = false;
};

// A block of a loop has about this many numbers: tens of microseconds, beside which asking is
// nothing.
inline constexpr int64_t kLoopBlock = int64_t{1} << 16;

// Calls body(begin, end) for ranges that cover [0, count) one after the other, whose indices stand
// for `numbers` numbers each. Returns false, and calls no further, once the call was cancelled. A
// loop that is one block is not asked about.
template <typename Body>
bool ForEachBlock(int64_t count, int64_t numbers, const Cancellation& cancellation, Body body) {
  const int64_t block = std::max<int64_t>(1, kLoopBlock / std::max<int64_t>(1, numbers));
  for (int64_t begin = 0; begin < count; begin += block) {
    if (count > block && cancellation.Ask()) return false;
    body(begin, std::min(count, begin + block));
  }
  return true;
}

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_CANCELLATION_H_
