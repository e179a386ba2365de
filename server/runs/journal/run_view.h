#ifndef LOSSD_SERVER_RUNS_JOURNAL_RUN_VIEW_H_
#define LOSSD_SERVER_RUNS_JOURNAL_RUN_VIEW_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/runs/journal/run_image.h"
#include "server/runs/journal/run_journal.h"
#include "server/runs/run.h"
#include "server/runs/run_totals.h"
#include "server/runs/sample_order.h"
#include "server/threads/mutex.h"

namespace lossd::runs {

// The image of a run, which is read when somebody first asks and brought up to date whenever
// somebody asks. Thread-safe.
class RunView {
 public:
  // `journal` must outlive the view.
  RunView(RunJournal& journal, uint64_t run_id) : journal_(journal), run_id_(run_id) {}

  uint64_t run_id() const { return run_id_; }

  // Brings the image up to all that `run` has. The other functions want that it has been called.
  absl::Status CatchUp(const JournaledRun& run);

  absl::StatusOr<RunTotals> Totals() const;
  absl::StatusOr<SamplePage> Select(const SampleQuery& query) const;
  // Returns the samples at [begin, begin + limit) in the order in which they came.
  absl::StatusOr<std::vector<RunSample>> Read(int64_t begin, int64_t limit) const;

  // Returns how many of a batch's samples are new to the run.
  absl::StatusOr<int64_t> CountMissing(const CodedBatch& batch) const;

  // Writes the snapshot of `run` to the journal, in parts of about `part_bytes`, and lets the
  // batches go that it has. Gives up with CANCELLED once `ending` is true.
  absl::Status Fold(const JournaledRun& run, int64_t part_bytes, const std::atomic<bool>& ending);

  // Returns what the image takes, as it was last known.
  int64_t bytes() const { return bytes_; }

 private:
  absl::Status CatchUpOnce(const JournaledRun& run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Load(const JournaledRun& run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AddBatches(const JournaledRun& run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  RunJournal& journal_;
  const uint64_t run_id_;
  std::atomic<int64_t> bytes_ = 0;
  Mutex folding_;  // locked before mutex_
  mutable Mutex mutex_;
  std::unique_ptr<RunImage> image_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_JOURNAL_RUN_VIEW_H_
