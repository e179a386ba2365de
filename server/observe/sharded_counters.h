#ifndef LOSSD_SERVER_OBSERVE_SHARDED_COUNTERS_H_
#define LOSSD_SERVER_OBSERVE_SHARDED_COUNTERS_H_

#include <sched.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lossd::observe {

// Numbers that calls add to all the time and somebody reads now and then. Each CPU adds to numbers
// of its own, so that none waits for another's cache line; reading adds them up. Thread-safe.
//
// (prometheus-cpp's histograms lock a mutex and keep a counter on one cache line for all.)
class ShardedCounters {
 public:
  // All are 0.
  explicit ShardedCounters(size_t count);

  void Add(size_t index, uint64_t amount) {
    Line& line = lines_[Shard() * lines_of_shard_ + index / kPerLine];
    line.numbers[index % kPerLine].fetch_add(amount, std::memory_order_relaxed);
  }

  // Returns what was added so far. A later look never returns less.
  uint64_t Read(size_t index) const;

 private:
  static constexpr size_t kPerLine = 8;
  struct alignas(64) Line {
    std::array<std::atomic<uint64_t>, kPerLine> numbers{};
  };

  // A thread may be on another CPU by the time it adds: that is slower once, and right all the
  // same.
  size_t Shard() const { return static_cast<size_t>(sched_getcpu()) & shard_mask_; }

  const size_t shard_mask_;
  const size_t lines_of_shard_;
  std::vector<Line> lines_;
};

}  // namespace lossd::observe

#endif  // LOSSD_SERVER_OBSERVE_SHARDED_COUNTERS_H_
