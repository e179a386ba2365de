#ifndef LOSSD_SERVER_RUNS_JOURNAL_JOURNALED_STORE_H_
#define LOSSD_SERVER_RUNS_JOURNAL_JOURNALED_STORE_H_

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
#include "server/runs/journal/batch_coding.h"
#include "server/runs/journal/run_journal.h"
#include "server/runs/journal/run_view.h"
#include "server/runs/run_store.h"
#include "server/threads/mutex.h"
#include "server/threads/ticker.h"

namespace lossd::runs {

struct JournaledStoreOptions {
  // What the journal is, such as "sqlite".
  std::string kind;
  // Of all runs together. Runs that were not updated for longest are let go for others.
  int64_t max_bytes = int64_t{1} << 30;
  // A run that is not updated for so long is let go.
  absl::Duration max_age = absl::Hours(30 * 24);
  // How often all runs are looked through for those that are to go.
  absl::Duration sweep_interval = absl::Seconds(1);
  // A run is folded when nothing was recorded for so long.
  absl::Duration fold_delay = absl::Seconds(10);
  // And when its batches have so many bytes, or a quarter of what its image has if that is more; at
  // most kMostFoldBytes.
  int64_t fold_bytes = int64_t{8} << 20;
  // Of the parts in which a snapshot is written: nobody records while one is.
  int64_t part_bytes = int64_t{4} << 20;
  // Brings the images of runs that are recorded up to date all the time, and not of those alone
  // that somebody has looked at: who looks first does not wait.
  bool keeps_current = true;
  std::function<absl::Time()> now = absl::Now;
  // Is told why a run could not be folded or let go.
  std::function<void(const absl::Status& failed)> on_error = [](const absl::Status&) {};
};

// Runs that a journal keeps, which one or more stores have. A batch is recorded when it is in the
// journal. What batches add up to is found later: when somebody asks, and by a thread that folds
// them into snapshots.
class JournaledStore final : public RunStore {
 public:
  JournaledStore(std::unique_ptr<RunJournal> journal, JournaledStoreOptions options);
  ~JournaledStore() override;

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
  absl::string_view kind() const override { return options_.kind; }
  int64_t RecordingBytes(int64_t sample_count) const override {
    return BytesOfCoding(sample_count);
  }

  // Folds all runs that this process has recorded to, and lets those go that are to go, as the
  // thread does from time to time.
  void FoldAll() ABSL_LOCKS_EXCLUDED(ticking_);

  static constexpr int64_t kMostFoldBytes = int64_t{256} << 20;
  // The largest number of bytes that a byte of a coded batch becomes in a snapshot: 88 for 19.
  static constexpr int64_t kGrowth = 5;

 private:
  class Reader;
  using ViewPtr = std::shared_ptr<RunView>;
  struct Known {
    ViewPtr view;
    absl::Time used;
  };
  // A run that this process has recorded to since it was folded.
  struct Waiting {
    absl::Time recorded;
    int64_t bytes = 0;
    int64_t unseen = 0;  // of those, what the run's image does not have yet
  };

  absl::StatusOr<JournaledRun> Find(absl::string_view name, const RunViewer& viewer);
  // Returns the view of a run, brought up to date.
  absl::StatusOr<ViewPtr> See(const JournaledRun& run);
  ViewPtr FindView(const JournaledRun& run) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<RunTotals> TotalsOf(const JournaledRun& run);
  bool IsCheapToSee(const JournaledRun& run) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns a run without points and findings. Of a large one that is not in memory its last
  // snapshot speaks, without the batches since.
  absl::StatusOr<Run> Summarize(const JournaledRun& run);
  // Returns all of a run.
  absl::StatusOr<Run> Show(const JournaledRun& run, int64_t most_points);

  bool HasTooManyWaiting(absl::string_view run) const ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes a batch of so many bytes. Returns whether the run has an image that is
  // far behind.
  bool NoteBatch(absl::string_view run, absl::Time now, int64_t waiting, int64_t bytes)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Brings the run's image up to date, if it is to be.
  void SeeNewest(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_);
  // Folds the run, or waits for who does, while it has too many batches that are not folded.
  // UNAVAILABLE where it has them still.
  absl::Status AwaitFolding(absl::string_view run) ABSL_LOCKS_EXCLUDED(mutex_);
  // Lets runs go until there is room for the batch.
  absl::Status MakeRoom(const RunBatch& batch, absl::string_view bytes)
      ABSL_LOCKS_EXCLUDED(mutex_, making_room_);
  absl::Status MakeRoomExactly(absl::string_view run, const RunKind& kind, const CodedBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(making_room_);
  // Returns what a run takes once it is folded.
  absl::StatusOr<int64_t> BytesOf(const JournaledRun& run);
  // Returns what a run will take with the batch; null is a new one.
  absl::StatusOr<int64_t> BytesWith(const JournaledRun* run, const CodedBatch& batch);
  absl::StatusOr<std::vector<JournaledRun>> ListAll();
  absl::Status DeleteFromJournal(const JournaledRun& run) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status LetGo(const JournaledRun& run);

  void TickSafely() ABSL_LOCKS_EXCLUDED(ticking_);
  void Tick() ABSL_LOCKS_EXCLUDED(ticking_);
  void FoldWaiting(absl::Duration delay) ABSL_EXCLUSIVE_LOCKS_REQUIRED(ticking_);
  // Returns the runs that are to be folded now.
  std::vector<std::string> TakeWaiting(absl::Duration delay) ABSL_LOCKS_EXCLUDED(mutex_);
  int64_t FoldBytesOf(const std::string& run) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Fold(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_);
  // Brings images of runs that are recorded up to date.
  void KeepCurrent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(ticking_);
  std::vector<std::string> RunsToKeepCurrent() ABSL_LOCKS_EXCLUDED(mutex_);
  // Lets runs go that are too old, and images that nobody uses; notes what there is.
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(ticking_);
  void Note(const std::vector<JournaledRun>& runs) ABSL_LOCKS_EXCLUDED(mutex_);
  void DropViews() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::unique_ptr<RunJournal> journal_;
  const JournaledStoreOptions options_;
  mutable Mutex mutex_;
  std::map<std::string, Known, std::less<>> views_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Waiting, std::less<>> waiting_ ABSL_GUARDED_BY(mutex_);
  StoreUse use_ ABSL_GUARDED_BY(mutex_);  // as the last sweep saw it
  // What the runs may take at most, once they are folded.
  int64_t most_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  Mutex making_room_;
  Mutex ticking_;
  absl::Time next_sweep_ ABSL_GUARDED_BY(ticking_) = absl::InfinitePast();
  std::atomic<bool> ending_ = false;
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_JOURNAL_JOURNALED_STORE_H_
