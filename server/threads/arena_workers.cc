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

ArenaWorkers::ArenaWorkers() : number_(NextNumber()), threads_(std::make_shared<Threads>()) {
  CPU_ZERO(&cpus_);
  // On failure there is no CPU in it, and workers are left where they are.
  sched_getaffinity(0, sizeof(cpus_), &cpus_);
}

ArenaWorkers::~ArenaWorkers() {
  const MutexLock lock(&threads_->mutex);
  threads_->Allow(cpus_);
}

void ArenaWorkers::Add() {
  // Asked at every block, and nearly always the thread was added before.
  thread_local int64_t added_to = 0;
  if (added_to == number_) return;
  added_to = number_;
  thread_local std::shared_ptr<Threads> belongs_to;
  const pid_t thread = gettid();
  if (belongs_to) belongs_to->Remove(thread);
  belongs_to = threads_;
  const MutexLock lock(&threads_->mutex);
  threads_->ids.push_back(thread);
  threads_->left_cpu = -1;
}

void ArenaWorkers::LeaveCpuOfCaller() {
  if (CPU_COUNT(&cpus_) > kMostCpus) return;
  const int cpu = sched_getcpu();
  const MutexLock lock(&threads_->mutex);
  if (cpu < 0 || cpu == threads_->left_cpu) return;
  threads_->left_cpu = cpu;
  cpu_set_t others = cpus_;
  CPU_CLR(static_cast<size_t>(cpu), &others);
  if (CPU_COUNT(&others) == 0) return;
  threads_->Allow(others);
}

void ArenaWorkers::Threads::Remove(pid_t thread) {
  const MutexLock lock(&mutex);
  ids.erase(std::remove(ids.begin(), ids.end(), thread), ids.end());
}

void ArenaWorkers::Threads::Allow(const cpu_set_t& cpus) const {
  for (const pid_t id : ids) sched_setaffinity(id, sizeof(cpus), &cpus);
}

}  // namespace lossd
