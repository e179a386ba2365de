#ifndef LOSSD_SERVER_THREADS_LINE_QUEUE_H_
#define LOSSD_SERVER_THREADS_LINE_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/threads/job_lane.h"
#include "server/threads/mutex.h"

namespace lossd {

// Threads for jobs that wait for others, such as for a disk or a network. Thread-safe.
//
// The jobs of a line run one at a time, in their order, and the lines take turns. Of one owner's
// jobs at most half of the threads run: one whose jobs hang holds up nobody but itself. Threads are
// made when there are jobs for them, and stay.
class LineQueue {
 public:
  struct Job {
    JobOwner owner;             // all members of a group are one; those of the group 0 are not
    std::string line;           // empty: none, and it runs beside others
    std::function<void()> run;  // must not throw
  };

  // `most_threads` ≥ 2.
  explicit LineQueue(int most_threads);
  // Runs what is scheduled still before it ends.
  ~LineQueue();
  LineQueue(const LineQueue&) = delete;
  LineQueue& operator=(const LineQueue&) = delete;

  void Schedule(Job job);

  // Waits for the jobs that run now, and not for those that follow, to return.
  void WaitForRunning();

 private:
  using Owner = std::pair<uint64_t, uint64_t>;
  struct Line {
    std::deque<Job> jobs;
    bool is_ordered = true;
    bool has_turn = false;
    int running = 0;
  };
  using Lines = std::map<std::string, Line>;
  struct Share {
    size_t running = 0;
    // Of the lines whose next job is the owner's and may run, but for what it has running.
    std::map<uint64_t, Lines::iterator> turns;
  };

  static Owner OwnerOf(const Job& job);
  void StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(size_t thread) ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !next_.empty() || (ending_ && waiting_ == 0);
  }
  // Gives a line the last turn, if its next job may run and it has none.
  void GiveTurn(Lines::iterator line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Changes an owner's share by f(share), and keeps next_ true.
  template <typename F>
  void Change(const Owner& owner, F f) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes the job whose turn it is; next_ must have one.
  Job TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteEnd(const std::string& line, const Owner& owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t most_threads_;
  Mutex mutex_;
  Lines lines_ ABSL_GUARDED_BY(mutex_);                    // with jobs that wait or run
  std::map<Owner, Share> shares_ ABSL_GUARDED_BY(mutex_);  // of owners with jobs
  // The first turn of each owner that has one and may have more running.
  std::map<uint64_t, Owner> next_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_turn_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;  // jobs
  size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;     // threads
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  // The ticket of what each thread runs; 0: nothing.
  std::vector<uint64_t> tickets_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_LINE_QUEUE_H_
