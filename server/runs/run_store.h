#ifndef LOSSD_SERVER_RUNS_RUN_STORE_H_
#define LOSSD_SERVER_RUNS_RUN_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/runs/run.h"
#include "server/runs/run_batch.h"
#include "server/runs/run_viewer.h"
#include "server/runs/sample_order.h"

namespace lossd::runs {

// Reads all samples of a run, each once, in an order of its own. Of a run that goes on it may or
// may not see what comes meanwhile; of one that is let go, the next read is NOT_FOUND. For one
// thread at a time.
class SampleReader {
 public:
  virtual ~SampleReader() = default;

  // Returns at most `limit` samples, none after the last.
  virtual absl::StatusOr<std::vector<RunSample>> Read(int64_t limit) = 0;
};

// What a store holds, and has let go.
struct StoreUse {
  int64_t runs = 0;
  int64_t bytes = 0;
  uint64_t dropped_runs = 0;  // for want of room, or because they were old; not by Delete()
};

// Keeps training runs. Batches of one run that come from several threads at once are recorded one
// after the other, in the order in which the store takes them. Thread-safe. All functions may wait,
// for other threads, disks and networks, as long as the thread's Patience lasts or for some
// seconds, but use(), kind() and RecordingBytes().
//
// Runs of different owners have different names: who makes one first owns it. A viewer sees no run
// of others.
//
// Errors: NOT_FOUND where there is no such run that the viewer sees; UNAVAILABLE where the store
// does not answer.
class RunStore {
 public:
  virtual ~RunStore() = default;

  // Adds a batch to its run, which is made if it is not there, and returns when it is stored: all
  // of it, or on an error nothing. Adds nothing where the run remembers the request. Errors:
  // PERMISSION_DENIED where the run belongs to another owner; FAILED_PRECONDITION where it has
  // another class count or threshold; RESOURCE_EXHAUSTED where the store has no room for it.
  virtual absl::Status Record(const RunBatch& batch) = 0;

  // Returns a run, with at most `most_points` points.
  virtual absl::StatusOr<Run> Get(absl::string_view name, const RunViewer& viewer,
                                  int64_t most_points) = 0;

  // Returns another version than before when the run has changed. Takes little time: who watches a
  // run asks again and again.
  virtual absl::StatusOr<RunVersion> GetVersion(absl::string_view name,
                                                const RunViewer& viewer) = 0;

  // Returns at most `limit` runs by name, from the first behind `after` on, without points and
  // findings. What is cheap to know: of a large run they may be some batches behind Get().
  virtual absl::StatusOr<std::vector<Run>> List(const RunViewer& viewer, absl::string_view after,
                                                int64_t limit) = 0;

  virtual absl::Status Delete(absl::string_view name, const RunViewer& viewer) = 0;

  // Returns the samples of a run in an order. While the run goes on, samples move: over two pages,
  // one may be missed or come twice.
  virtual absl::StatusOr<SamplePage> ListSamples(absl::string_view name, const RunViewer& viewer,
                                                 const SampleQuery& query) = 0;

  virtual absl::StatusOr<std::unique_ptr<SampleReader>> OpenSamples(absl::string_view name,
                                                                    const RunViewer& viewer) = 0;

  virtual StoreUse use() const = 0;

  // Returns the store's kind, such as "memory".
  virtual absl::string_view kind() const = 0;

  // Returns the memory that Record() takes for a batch of so many samples while it runs, at most.
  virtual int64_t RecordingBytes(int64_t sample_count) const = 0;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_RUN_STORE_H_
