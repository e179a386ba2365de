#ifndef LOSSD_SERVER_RUNS_JOURNAL_RUN_JOURNAL_H_
#define LOSSD_SERVER_RUNS_JOURNAL_RUN_JOURNAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/runs/request_hash.h"
#include "server/runs/run_kind.h"

namespace lossd::runs {

// What a journal knows of a run without reading its batches and samples.
struct JournaledRun {
  std::string name;
  uint64_t id = 0;  // not that of another run that has had the name
  RunKind kind;
  absl::Time create_time;
  absl::Time update_time;
  int64_t batch_count = 0;    // batches have the numbers from 1 on
  int64_t folded = 0;         // the state of the snapshot has the batches up to this one
  int64_t trimmed = 0;        // the batches up to this one are no more: the snapshot has them
  int64_t folded_bytes = 0;   // of the snapshot and the requests
  int64_t waiting_bytes = 0;  // of the batches
};

struct NewBatch {
  absl::string_view run;
  RunKind kind;
  RequestHash request;
  absl::Time time;
  absl::string_view bytes;
};

struct JournaledBatch {
  int64_t number = 0;
  std::string bytes;
};

// Some records of a snapshot.
struct RecordChunk {
  int64_t index = 0;
  int64_t number = 0;  // the batches up to this one are in it
  std::string records;
};

// A part of a snapshot that is to be written.
struct SnapshotPart {
  int64_t number = 0;  // the batches up to this one are in it
  std::string state;
  std::vector<RecordChunk> chunks;
  int64_t trim = 0;  // every chunk has the batches up to this one now, and they may go
  int64_t folded_bytes = 0;
};

// Where a store keeps runs: for each the batches in the order in which they came, and a snapshot
// of what they add up to, which takes the place of the oldest batches. A snapshot is a state and
// chunks of records. It is written in parts, so that nobody waits for it, and then chunks have no
// more batches than the state: a batch that the state has is added to those chunks alone that do
// not have it. Thread-safe.
//
// Errors: NOT_FOUND where the run is no more, or another has its name; UNAVAILABLE where the
// journal does not answer; DATA_LOSS where it is damaged.
class RunJournal {
 public:
  virtual ~RunJournal() = default;

  // Appends a batch to its run, which is made if it is not there, and returns when it is stored:
  // all of it, or on an error nothing. Appends nothing where the run remembers the request. Returns
  // the run's `waiting_bytes`. Errors: as CheckKind() has them.
  virtual absl::StatusOr<int64_t> Append(const NewBatch& batch) = 0;
  // Returns how many bytes a batch may have.
  virtual int64_t most_batch_bytes() const = 0;

  virtual absl::StatusOr<JournaledRun> Find(absl::string_view name) = 0;
  // Returns at most `limit` runs by name, from the first behind `after` on.
  virtual absl::StatusOr<std::vector<JournaledRun>> List(absl::string_view after,
                                                         int64_t limit) = 0;
  virtual absl::Status Delete(const JournaledRun& run) = 0;

  // Returns batches in their order, from the first behind `after` on, until they have `most_bytes`
  // together; at least one if there is one.
  virtual absl::StatusOr<std::vector<JournaledBatch>> ReadBatches(const JournaledRun& run,
                                                                  int64_t after,
                                                                  int64_t most_bytes) = 0;

  // Returns the state, or its first `most_bytes`, for which no more is read; empty where there is
  // no snapshot.
  virtual absl::StatusOr<std::string> ReadState(const JournaledRun& run, int64_t most_bytes) = 0;
  static constexpr int64_t kWholeState = INT64_MAX;
  // Calls `show` with every chunk by its index, until it returns an error.
  virtual absl::Status ReadChunks(const JournaledRun& run,
                                  absl::FunctionRef<absl::Status(const RecordChunk&)> show) = 0;
  // Writes a part of a snapshot, all of it or on an error nothing. ABORTED where the state that is
  // there has more batches.
  virtual absl::Status Write(const JournaledRun& run, const SnapshotPart& part) = 0;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_JOURNAL_RUN_JOURNAL_H_
