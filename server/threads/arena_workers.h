#ifndef LOSSD_SERVER_THREADS_ARENA_WORKERS_H_
#define LOSSD_SERVER_THREADS_ARENA_WORKERS_H_

#include <sched.h>
#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <vector>

namespace lossd {

// The threads that work in an arena beside those that call it. Thread-safe.
class ArenaWorkers {
 public:
  // The CPUs of the thread that makes it are the workers' too.
  ArenaWorkers();
  // Lets them have all of those again: oneTBB's threads go on to work for others of this process.
  ~ArenaWorkers();
  ArenaWorkers(const ArenaWorkers&) = delete;
  ArenaWorkers& operator=(const ArenaWorkers&) = delete;

  // The calling thread is one of them.
  void Add();

  // Has them run on any CPU but the calling thread's. Without, one that the caller wakes often
  // waits behind it while another CPU is idle, until the next balance, milliseconds later: Linux
  // takes the caller's CPU where no other looks idle, and of a virtual machine one that halted does
  // not. Costs a call of the system for each worker whenever the caller's CPU is another one; of
  // many CPUs one looks idle, and nothing is done.
  void LeaveCpuOfCaller();

 private:
  void Allow(const cpu_set_t& cpus) const;

  const int64_t number_;  // of all that were ever made
  cpu_set_t cpus_;
  std::mutex mutex_;
  std::vector<pid_t> threads_;
  int left_cpu_ = -1;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_ARENA_WORKERS_H_
