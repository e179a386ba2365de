#include "server/threads/task_arena.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "absl/cleanup/cleanup.h"
#include "server/threads/hand_over.h"

namespace lossd {

struct TaskArena::Library {
  tbb::task_arena arena;
};

TaskArena::TaskArena(int thread_count)
    : library_(new Library{tbb::task_arena(thread_count, /*reserved_for_masters=*/1)}) {}

TaskArena::~TaskArena() = default;

void TaskArena::ForRanges(int64_t count, absl::FunctionRef<void(int64_t, int64_t)> run) {
  // The places of what is handed to the threads and what they hand back.
  char begun = 0;
  char ended = 0;
  const absl::Cleanup take = [&] { TakeOver(&ended); };
  GiveOver(&begun);
  library_->arena.execute([&] {
    tbb::parallel_for(tbb::blocked_range<int64_t>(0, count),
                      [&](const tbb::blocked_range<int64_t>& range) {
                        const absl::Cleanup give = [&] { GiveOver(&ended); };
                        TakeOver(&begun);
                        run(range.begin(), range.end());
                      });
  });
}

}  // namespace lossd
