#include "server/observe/sharded_counters.h"

#include <algorithm>
#include <thread>

namespace lossd::observe {
namespace {

// More CPUs share.
constexpr size_t kMostShards = 32;

// Returns the number of shards, a power of two.
size_t ShardCount() {
  const size_t cpus = std::thread::hardware_concurrency();
  size_t shards = 1;
  while (shards < std::min(cpus, kMostShards)) shards *= 2;
  return shards;
}

}  // namespace

ShardedCounters::ShardedCounters(size_t count)
    : shard_mask_(ShardCount() - 1),
      lines_of_shard_((count + kPerLine - 1) / kPerLine),
      lines_(lines_of_shard_ * (shard_mask_ + 1)) {}

uint64_t ShardedCounters::Read(size_t index) const {
  uint64_t sum = 0;
  for (size_t shard = 0; shard <= shard_mask_; ++shard) {
    const Line& line = lines_[shard * lines_of_shard_ + index / kPerLine];
    sum += line.numbers[index % kPerLine].load(std::memory_order_relaxed);
  }
  return sum;
}

}  // namespace lossd::observe
