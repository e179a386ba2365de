#ifndef LOSSD_SERVER_THREADS_WORKER_POOL_H_
#define LOSSD_SERVER_THREADS_WORKER_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace lossd {

// Threads that run what is scheduled, in its order. Thread-safe.
class WorkerPool {
 public:
  explicit WorkerPool(int thread_count);
  // Runs what is scheduled still before it ends.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // `work` must not throw.
  void Schedule(std::function<void()> work);

 private:
  void RunWork();

  absl::Mutex mutex_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_WORKER_POOL_H_
