#ifndef LOSSD_SERVER_THREADS_WORK_QUEUE_H_
#define LOSSD_SERVER_THREADS_WORK_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/threads/job_lane.h"
#include "server/threads/mutex.h"

namespace lossd {

// Threads that run jobs. Thread-safe.
//
// Short jobs pass long ones, and one thread more runs nothing else: it computes on itself alone
// (ComputeAlone), for the executor's threads may be busy with long ones. Among short jobs, and
// among long ones, the owners take turns as JobLane says, so that one that schedules many holds up
// nobody but itself. A long job that waits is passed by a number of short ones and then runs.
class WorkQueue {
 public:
  // A job of at most so much work is short. About what one block of rows takes: it would not be
  // shared between threads anyway.
  static constexpr int64_t kShortWork = int64_t{1} << 18;

  // A thread runs at most so many short jobs one after the other while a long one waits.
  static constexpr int kShortInARow = 64;

  struct Job {
    JobOwner owner;
    int64_t work = 0;           // operations or bytes, as expected
    std::function<void()> run;  // must not throw
  };

  // `thread_count` ≥ 1, beside the thread for short jobs.
  explicit WorkQueue(int thread_count);
  // Runs what is scheduled still before it ends.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Returns a ticket, which no other job has and which is not 0.
  uint64_t Schedule(Job job);

  // Takes back a job that has not begun: it then never runs. Returns false when it has, or ended.
  bool Remove(uint64_t ticket);

  // Waits for the jobs that run now, and not for those that follow, to return.
  void WaitForRunning();

  // Returns how many threads run any jobs.
  int thread_count() const { return static_cast<int>(threads_.size()) - 1; }

 private:
  // Where a job waits.
  struct Place {
    JobLane* lane;
    JobOwner owner;
  };

  void RunAnyJobs(size_t thread);
  void RunShortJobs(size_t thread);
  // Takes the next job out of `lane`, which has one, and notes that it runs.
  std::function<void()> TakeFrom(JobLane& lane, size_t thread)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  JobLane short_ ABSL_GUARDED_BY(mutex_);
  JobLane long_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, Place> places_ ABSL_GUARDED_BY(mutex_);  // of each ticket
  uint64_t last_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  // The ticket of what each thread runs; 0: nothing.
  std::vector<uint64_t> running_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_WORK_QUEUE_H_
