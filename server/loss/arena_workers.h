#ifndef LOSSD_SERVER_LOSS_ARENA_WORKERS_H_
#define LOSSD_SERVER_LOSS_ARENA_WORKERS_H_

#include <sched.h>
#include <sys/types.h>
#include <tbb/task_arena.h>
#include <tbb/task_scheduler_observer.h>

#include <mutex>
#include <vector>

namespace lossd {

// The threads that work in an arena beside those that call it. Thread-safe.
class ArenaWorkers : public tbb::task_scheduler_observer {
 public:
  // The arena outlives it. The CPUs of the thread that makes it are the workers' too.
  explicit ArenaWorkers(tbb::task_arena& arena);
  ~ArenaWorkers() override;
  ArenaWorkers(const ArenaWorkers&) = delete;
  ArenaWorkers& operator=(const ArenaWorkers&) = delete;

  // Has them run on any CPU but the calling thread's. Without, one that the caller wakes often
  // waits behind it while another CPU is idle, until the next balance, milliseconds later: Linux
  // takes the caller's CPU where no other looks idle, and of a virtual machine one that halted does
  // not. Costs a call of the system for each worker whenever the caller's CPU is another one; of
  // many CPUs one looks idle, and nothing is done.
  void LeaveCpuOfCaller();

 private:
  void on_scheduler_entry(bool is_worker) override;
  void Allow(const cpu_set_t& cpus) const;

  cpu_set_t cpus_;
  std::mutex mutex_;
  std::vector<pid_t> threads_;
  int left_cpu_ = -1;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_LOSS_ARENA_WORKERS_H_
