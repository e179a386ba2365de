#include "server/threads/worker_pool.h"

#include <utility>

namespace lossd {

WorkerPool::WorkerPool(int thread_count) {
  threads_.reserve(static_cast<size_t>(thread_count));
  for (int i = 0; i < thread_count; ++i) threads_.emplace_back([this] { RunWork(); });
}

WorkerPool::~WorkerPool() {
  {
    const absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::Schedule(std::function<void()> work) {
  const absl::MutexLock lock(&mutex_);
  queue_.push_back(std::move(work));
}

void WorkerPool::RunWork() {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !queue_.empty() || ending_;
  };
  while (true) {
    std::function<void()> work;
    {
      const absl::MutexLock lock(&mutex_, absl::Condition(&has_news));
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace lossd
