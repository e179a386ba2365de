#ifndef LOSSD_SERVER_THREADS_TASK_ARENA_H_
#define LOSSD_SERVER_THREADS_TASK_ARENA_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"

namespace lossd {

// oneTBB's threads, as far as they work for one owner. Thread-safe.
//
// Debian's oneTBB is compiled without ThreadSanitizer, which does not see when the library hands
// work from thread to thread. So that this does not look like a race, task_arena.cc, which alone
// includes oneTBB, is compiled without it too, and tells it what happens before what.
class TaskArena {
 public:
  explicit TaskArena(int thread_count);
  ~TaskArena();
  TaskArena(const TaskArena&) = delete;
  TaskArena& operator=(const TaskArena&) = delete;

  // Calls run(begin, end) for disjoint ranges that cover [0, count), on the arena's threads and the
  // calling one, and returns when all are done. Throws what one of them threw, and starts no
  // further range then.
  void ForRanges(int64_t count, absl::FunctionRef<void(int64_t begin, int64_t end)> run);

 private:
  struct Library;
  std::unique_ptr<Library> library_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_TASK_ARENA_H_
