#include "server/threads/executor.h"

#include <sched.h>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cmath>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "server/threads/arena_workers.h"

namespace lossd {
namespace {

// cgroup v2: "max 100000" or "200000 100000", quota and period in microseconds.
std::optional<double> QuotaV2() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return std::nullopt;
  try {
    return std::stod(quota) / period;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<double> QuotaV1() {
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  if (!(quota_file >> quota) || !(period_file >> period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return quota / period;
}

int AffinityCount() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

struct Executor::Arena {
  explicit Arena(int threads) : thread_count(threads), arena(threads, /*reserved_for_masters=*/1) {}

  int thread_count;
  mutable tbb::task_arena arena;
  mutable ArenaWorkers workers;
  mutable std::atomic<int> callers = 0;
};

// For as long as a thread has the arena compute. It may then be given another caller's blocks, too.
class Executor::Caller {
 public:
  explicit Caller(const Arena& arena) : arena_(arena) {
    calls_ = true;
    // Of several callers the others compute meanwhile, wherever they are.
    if (arena_.callers.fetch_add(1) == 0) arena_.workers.LeaveCpuOfCaller();
  }
  ~Caller() {
    arena_.callers.fetch_sub(1);
    calls_ = false;
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // Whether the calling thread is one.
  static bool calls() { return calls_; }

 private:
  static thread_local bool calls_;
  const Arena& arena_;
};

thread_local bool Executor::Caller::calls_ = false;

Executor::Executor(int thread_count) : arena_(std::make_unique<Arena>(thread_count)) {
  assert(thread_count >= 1);
}

Executor::~Executor() = default;

int Executor::thread_count() const { return arena_->thread_count; }

bool Executor::ParallelFor(int64_t count, int64_t block, const std::function<bool()>& cancelled,
                           absl::FunctionRef<void(int64_t, int64_t)> body) const {
  assert(block >= 1);
  const int64_t blocks = (count + block - 1) / block;
  std::atomic<bool> stopped = false;
  const auto run_block = [&](int64_t index) {
    if (stopped.load(std::memory_order_relaxed)) return;
    if (cancelled && cancelled()) {
      stopped.store(true, std::memory_order_relaxed);
      return;
    }
    body(index * block, std::min(count, (index + 1) * block));
  };
  if (blocks <= 1 || arena_->thread_count == 1) {
    for (int64_t index = 0; index < blocks; ++index) run_block(index);
    return !stopped;
  }
  const Caller caller(*arena_);
  arena_->arena.execute([&] {
    tbb::parallel_for(tbb::blocked_range<int64_t>(0, blocks),
                      [&](const tbb::blocked_range<int64_t>& range) {
                        if (!Caller::calls()) arena_->workers.Add();
                        for (int64_t i = range.begin(); i != range.end(); ++i) run_block(i);
                      });
  });
  return !stopped;
}

int AvailableCpuCount() {
  double count = std::max(1, AffinityCount());
  for (const std::optional<double>& quota : {QuotaV2(), QuotaV1()}) {
    if (quota) count = std::min(count, std::ceil(*quota));
  }
  return std::max(1, static_cast<int>(count));
}

}  // namespace lossd
