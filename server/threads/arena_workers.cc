#include "server/threads/arena_workers.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace lossd {
namespace {

constexpr int kMostCpus = 8;

int64_t NextNumber() {
  static std::atomic<int64_t> last = 0;
  return ++last;
}

}  // namespace

ArenaWorkers::ArenaWorkers() : number_(NextNumber()) {
  CPU_ZERO(&cpus_);
  // On failure there is no CPU in it, and workers are left where they are.
  sched_getaffinity(0, sizeof(cpus_), &cpus_);
}

ArenaWorkers::~ArenaWorkers() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Allow(cpus_);
}

void ArenaWorkers::Add() {
  // Asked at every block, and the answer is nearly always that it was added before.
  thread_local int64_t added_to = 0;
  if (added_to == number_) return;
  added_to = number_;
  const pid_t thread = gettid();
  const std::lock_guard<std::mutex> lock(mutex_);
  if (std::find(threads_.begin(), threads_.end(), thread) != threads_.end()) return;
  threads_.push_back(thread);
  left_cpu_ = -1;
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

}  // namespace lossd
