#include "server/threads/task_arena.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#ifdef LOSSD_TELLS_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

namespace lossd {
namespace {

// What one thread did before Give() has happened before what another does after Take(): tells
// ThreadSanitizer of it.
class HandOver {
 public:
#ifdef LOSSD_TELLS_THREAD_SANITIZER
  void Give() { __tsan_release(&place_); }
  void Take() { __tsan_acquire(&place_); }

 private:
  char place_ = 0;
#else
  static void Give() {}
  static void Take() {}
#endif
};

// Gives when it ends, after an exception too.
class GiveAtEnd {
 public:
  explicit GiveAtEnd(HandOver& hand_over) : hand_over_(hand_over) {}
  ~GiveAtEnd() { hand_over_.Give(); }
  GiveAtEnd(const GiveAtEnd&) = delete;
  GiveAtEnd& operator=(const GiveAtEnd&) = delete;

 private:
  HandOver& hand_over_;
};

}  // namespace

struct TaskArena::Library {
  tbb::task_arena arena;
};

TaskArena::TaskArena(int thread_count)
    : library_(new Library{tbb::task_arena(thread_count, /*reserved_for_masters=*/1)}) {}

TaskArena::~TaskArena() = default;

void TaskArena::ForRanges(int64_t count, absl::FunctionRef<void(int64_t, int64_t)> run) {
  HandOver begun;
  HandOver ended;
  begun.Give();
  try {
    library_->arena.execute([&] {
      tbb::parallel_for(tbb::blocked_range<int64_t>(0, count),
                        [&](const tbb::blocked_range<int64_t>& range) {
                          begun.Take();
                          const GiveAtEnd give(ended);
                          run(range.begin(), range.end());
                        });
    });
  } catch (...) {
    ended.Take();
    throw;
  }
  ended.Take();
}

}  // namespace lossd
