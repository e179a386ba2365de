#ifndef LOSSD_SERVER_RUNS_MEMORY_RUN_H_
#define LOSSD_SERVER_RUNS_MEMORY_RUN_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/runs/request_ids.h"
#include "server/runs/run.h"
#include "server/runs/run_batch.h"
#include "server/runs/run_kind.h"
#include "server/runs/run_totals.h"
#include "server/runs/sample_order.h"
#include "server/runs/sample_table.h"
#include "server/threads/mutex.h"

namespace lossd::runs {

// A run that is kept in memory. Thread-safe.
class MemoryRun {
 public:
  // A run of the batches that are like `first`, which is not recorded yet.
  MemoryRun(const RunBatch& first, int64_t most_request_ids, absl::Time now);

  // Adds a batch, or nothing where its request is remembered. Returns how many bytes more the run
  // takes than before. `most_bytes` is what it may take then. Errors: PERMISSION_DENIED and
  // FAILED_PRECONDITION, as RunStore has them; RESOURCE_EXHAUSTED where it would take more, and
  // then nothing is added; ABORTED where the run was let go meanwhile.
  absl::StatusOr<int64_t> Record(const RunBatch& batch, int64_t most_bytes, absl::Time now);

  // Returns whether `most_bytes` would do for the run and the batch.
  bool Fits(const RunBatch& batch, int64_t most_bytes) const;

  // Returns all but points and findings.
  Run Summary() const;
  Run WithPoints(int64_t most_points) const;
  SamplePage Select(const SampleQuery& query) const;
  // Returns the samples at [begin, begin + limit) in the order in which they came.
  std::vector<RunSample> Read(int64_t begin, int64_t limit) const;

  // Lets nothing be recorded any more. Returns what the run takes.
  int64_t LetGo();
  // Does the same, if nothing was recorded yet. Returns whether that is so.
  bool LetGoIfNew();

  const std::string& name() const { return name_; }
  const std::string& owner() const { return kind_.owner; }
  RunVersion version() const;
  int64_t bytes() const { return bytes_; }
  absl::Time update_time() const { return absl::FromUnixNanos(update_nanoseconds_); }

 private:
  // The batch's step and the memory for it are found before it is added.
  absl::Status Reserve(const RunBatch& batch, int64_t step, int64_t most_bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t CountMissing(const RunBatch& batch) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns whether the run may take one batch more, with so many samples that it does not have.
  bool HasRoom(int64_t more_samples, int64_t most_bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t BytesWith(int64_t more_samples) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Add(const RunBatch& batch, int64_t step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Run SummaryLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  const RunKind kind_;
  const absl::Time create_time_;
  std::atomic<int64_t> update_nanoseconds_;
  std::atomic<int64_t> bytes_ = 0;

  mutable Mutex mutex_;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  SampleTable samples_ ABSL_GUARDED_BY(mutex_);
  RequestIds requests_ ABSL_GUARDED_BY(mutex_);
  RunTotals totals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_MEMORY_RUN_H_
