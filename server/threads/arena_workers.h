#ifndef LOSSD_SERVER_THREADS_ARENA_WORKERS_H_
#define LOSSD_SERVER_THREADS_ARENA_WORKERS_H_

#include <sched.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/threads/mutex.h"

namespace lossd {

// The threads that work in an arena beside those that call it. A thread belongs to the arena that
// it worked in last: oneTBB's threads work for every arena of the process in turn, and two arenas
// must not place the same thread. Thread-safe.
class ArenaWorkers {
 public:
  // The workers may use the CPUs that the calling thread may.
  ArenaWorkers();
  // Gives its threads all of those back: they go on to work for others.
  ~ArenaWorkers();
  ArenaWorkers(const ArenaWorkers&) = delete;
  ArenaWorkers& operator=(const ArenaWorkers&) = delete;

  // Makes the calling thread one of them, and of no other arena's.
  void Add();

  // Moves the workers off the caller's CPU. Otherwise Linux often queues a woken worker behind its
  // caller for milliseconds while another CPU is idle: it takes the caller's CPU where no other
  // looks idle, and a halted CPU of a virtual machine does not. Costs a system call for each worker
  // whenever the caller's CPU is another one. Does nothing on machines with more than 8 CPUs, of
  // which one looks idle.
  void LeaveCpuOfCaller();

 private:
  // Outlives the arena while one of its threads has not yet worked for another.
  struct Threads {
    Mutex mutex;
    std::vector<pid_t> ids ABSL_GUARDED_BY(mutex);
    int left_cpu ABSL_GUARDED_BY(mutex) = -1;

    void Remove(pid_t thread);
    void Allow(const cpu_set_t& cpus) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  };

  const int64_t number_;  // counts all that were ever made
  cpu_set_t cpus_;
  const std::shared_ptr<Threads> threads_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_ARENA_WORKERS_H_
