#ifndef LOSSD_SERVER_RUNS_MEMORY_STORE_H_
#define LOSSD_SERVER_RUNS_MEMORY_STORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/runs/memory_run.h"
#include "server/runs/run_store.h"
#include "server/threads/mutex.h"

namespace lossd::runs {

struct MemoryStoreOptions {
  // Of all runs together. Runs that were not updated for longest are let go for others.
  int64_t max_bytes = int64_t{1} << 30;
  // A run that is not updated for so long is let go.
  absl::Duration max_age = absl::Hours(30 * 24);
  // Requests that a run remembers.
  int64_t request_ids = 1'000'000;
  std::function<absl::Time()> now = absl::Now;
};

// Runs that end with the process. Batches of different runs do not wait for each other.
class MemoryStore final : public RunStore {
 public:
  explicit MemoryStore(MemoryStoreOptions options);

  absl::Status Record(const RunBatch& batch) override;
  absl::StatusOr<Run> Get(absl::string_view name, const RunViewer& viewer,
                          int64_t most_points) override;
  absl::StatusOr<RunVersion> GetVersion(absl::string_view name, const RunViewer& viewer) override;
  absl::StatusOr<std::vector<Run>> List(const RunViewer& viewer, absl::string_view after,
                                        int64_t limit) override;
  absl::Status Delete(absl::string_view name, const RunViewer& viewer) override;
  absl::StatusOr<SamplePage> ListSamples(absl::string_view name, const RunViewer& viewer,
                                         const SampleQuery& query) override;
  absl::StatusOr<std::unique_ptr<SampleReader>> OpenSamples(absl::string_view name,
                                                            const RunViewer& viewer) override;
  StoreUse use() const override;
  absl::string_view kind() const override { return "memory"; }
  int64_t RecordingBytes(int64_t /*sample_count*/) const override { return 0; }

 private:
  using RunPtr = std::shared_ptr<MemoryRun>;
  using RunMap = std::map<std::string, RunPtr, std::less<>>;

  absl::StatusOr<RunPtr> Find(absl::string_view name, const RunViewer& viewer)
      ABSL_LOCKS_EXCLUDED(mutex_);
  RunPtr FindOrMake(const RunBatch& batch, absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  // Records in a run that was found. RESOURCE_EXHAUSTED only where no other run is left to let go.
  absl::Status RecordIn(MemoryRun& run, const RunBatch& batch, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Lets the run go that was not updated for longest, but not `kept`. Returns whether there was
  // one.
  bool LetOldestGo(const MemoryRun& kept) ABSL_LOCKS_EXCLUDED(mutex_);
  void LetOldGo(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  // Lets a run go that was taken out of the others: its batches, and then its memory, hold up
  // nobody else.
  void LetGo(MemoryRun& run) ABSL_LOCKS_EXCLUDED(mutex_);
  // Removes a run in which nothing was recorded.
  void RemoveIfNew(MemoryRun& run) ABSL_LOCKS_EXCLUDED(mutex_);

  const MemoryStoreOptions options_;
  std::atomic<int64_t> bytes_ = 0;
  mutable Mutex mutex_;
  RunMap runs_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_sweep_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t dropped_runs_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_MEMORY_STORE_H_
