#include "server/threads/executor.h"

#include <algorithm>
#include <atomic>
#include <cassert>

#include "server/threads/arena_workers.h"
#include "server/threads/task_arena.h"

namespace lossd {
namespace {

thread_local int compute_alone = 0;  // the ComputeAlone objects of the thread

}  // namespace

ComputeAlone::ComputeAlone() { ++compute_alone; }
ComputeAlone::~ComputeAlone() { --compute_alone; }

struct Executor::Arena {
  explicit Arena(int threads) : thread_count(threads), tasks(threads) {}

  int thread_count;
  mutable TaskArena tasks;
  mutable ArenaWorkers workers;
  mutable std::atomic<int> callers = 0;
};

// Lives as long as a thread makes the arena compute. The thread may be given another caller's
// blocks meanwhile.
class Executor::Caller {
 public:
  explicit Caller(const Arena& arena) : arena_(arena) {
    calls_ = true;
    // Where there are several callers, the others compute on the CPUs that they are on.
    if (arena_.callers.fetch_add(1) == 0) arena_.workers.LeaveCpuOfCaller();
  }
  ~Caller() {
    arena_.callers.fetch_sub(1);
    calls_ = false;
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // Returns true if the calling thread is one.
  static bool calls() { return calls_; }

 private:
  static thread_local bool calls_;
  const Arena& arena_;
};

thread_local bool Executor::Caller::calls_ = false;

Executor::Executor(int thread_count) : arena_(std::make_unique<Arena>(thread_count)) {
  assert(thread_count >= 1);
}

Executor::~Executor() = default;

int Executor::thread_count() const { return arena_->thread_count; }

bool Executor::ParallelFor(int64_t count, int64_t block, const std::function<bool()>& cancelled,
                           absl::FunctionRef<void(int64_t, int64_t)> body) const {
  assert(block >= 1);
  const int64_t blocks = (count + block - 1) / block;
  std::atomic<bool> stopped = false;
  const auto compute_block = [&](int64_t index) {
    if (stopped.load(std::memory_order_relaxed)) return;
    if (cancelled && cancelled()) {
      stopped.store(true, std::memory_order_relaxed);
      return;
    }
    body(index * block, std::min(count, (index + 1) * block));
  };
  if (blocks <= 1 || arena_->thread_count == 1 || compute_alone > 0) {
    for (int64_t index = 0; index < blocks; ++index) compute_block(index);
    return !stopped;
  }
  const Caller caller(*arena_);
  arena_->tasks.ForRanges(blocks, [&](int64_t begin, int64_t end) {
    if (!Caller::calls()) arena_->workers.Add();
    for (int64_t i = begin; i != end; ++i) compute_block(i);
  });
  return !stopped;
}

}  // namespace lossd
