#ifndef LOSSD_SERVER_THREADS_EXECUTOR_H_
#define LOSSD_SERVER_THREADS_EXECUTOR_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/functional/function_ref.h"

namespace lossd {

// Threads that row blocks are computed on. Thread-safe: calls from several threads share the
// threads, and a call's blocks may run on any of them, in any order. oneTBB's threads that have
// worked for it are kept off the CPU that it was last called on, where there are few, until it
// ends.
class Executor {
 public:
  // `thread_count` >= 1; 1 computes on the calling thread alone.
  explicit Executor(int thread_count);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  int thread_count() const;

  // Calls body(begin, end) for disjoint ranges that cover [0, count), each at most `block` long and
  // starting at a multiple of `block`, and returns when all are done. `cancelled` (may be null) is
  // asked before each block; once it says true no further block starts and the answer is false.
  bool ParallelFor(int64_t count, int64_t block, const std::function<bool()>& cancelled,
                   absl::FunctionRef<void(int64_t begin, int64_t end)> body) const;

 private:
  struct Arena;
  class Caller;
  std::unique_ptr<Arena> arena_;
};

// CPUs that this process may use: its affinity mask, cut by the cgroup's CPU quota (v1 or v2),
// which oneTBB does not read. At least 1.
int AvailableCpuCount();

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_EXECUTOR_H_
