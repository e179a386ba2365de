#include "server/loss/arena_workers.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace lossd {
namespace {

constexpr int kMostCpus = 8;

}  // namespace

ArenaWorkers::ArenaWorkers(tbb::task_arena& arena) : tbb::task_scheduler_observer(arena) {
  CPU_ZERO(&cpus_);
  // On failure there is no CPU in it, and workers are left where they are.
  sched_getaffinity(0, sizeof(cpus_), &cpus_);
  observe(true);
}

ArenaWorkers::~ArenaWorkers() {
  observe(false);
  // oneTBB's threads go on to work for others of this process.
  const std::lock_guard<std::mutex> lock(mutex_);
  Allow(cpus_);
}

void ArenaWorkers::LeaveCpuOfCaller() {
  if (CPU_COUNT(&cpus_) > kMostCpus) return;
  const int cpu = sched_getcpu();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (cpu < 0 || cpu == left_cpu_) return;
  left_cpu_ = cpu;
  cpu_set_t others = cpus_;
  CPU_CLR(static_cast<size_t>(cpu), &others);
  if (CPU_COUNT(&others) == 0) return;
  Allow(others);
}

void ArenaWorkers::Allow(const cpu_set_t& cpus) const {
  for (const pid_t thread : threads_) sched_setaffinity(thread, sizeof(cpus), &cpus);
}

void ArenaWorkers::on_scheduler_entry(bool is_worker) {
  if (!is_worker) return;
  const pid_t thread = gettid();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (std::find(threads_.begin(), threads_.end(), thread) != threads_.end()) return;
  threads_.push_back(thread);
  left_cpu_ = -1;
}

}  // namespace lossd
