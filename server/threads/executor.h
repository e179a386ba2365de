#ifndef LOSSD_SERVER_THREADS_EXECUTOR_H_
#define LOSSD_SERVER_THREADS_EXECUTOR_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/functional/function_ref.h"

namespace lossd {

// Threads that row blocks are computed on. Thread-safe: calls from several threads share the
// threads, and a call's blocks may run on any of them, in any order. Where there are few CPUs,
// oneTBB's threads that work for it are kept off the CPU that it was last called on, until it ends
// or they work for another executor.
class Executor {
 public:
  // `thread_count` >= 1; 1 computes on the calling thread alone.
  explicit Executor(int thread_count);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  int thread_count() const;

  // Calls body(begin, end) for disjoint ranges that cover [0, count), each at most `block` long and
  // starting at a multiple of `block`, and returns when all are done. Asks `cancelled`, which may
  // be null, before each block; when it says true, starts no further block and returns false.
  bool ParallelFor(int64_t count, int64_t block, const std::function<bool()>& cancelled,
                   absl::FunctionRef<void(int64_t begin, int64_t end)> body) const;

 private:
  struct Arena;
  class Caller;
  std::unique_ptr<Arena> arena_;
};

// Makes every executor compute on the calling thread alone as long as it lives, in the same blocks:
// the results are the same bits. For a thread that waits for no other's work.
class ComputeAlone {
 public:
  ComputeAlone();
  ~ComputeAlone();
  ComputeAlone(const ComputeAlone&) = delete;
  ComputeAlone& operator=(const ComputeAlone&) = delete;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_EXECUTOR_H_
