#ifndef LOSSD_SERVER_RUNS_SQLITE_JOURNAL_WRITER_H_
#define LOSSD_SERVER_RUNS_SQLITE_JOURNAL_WRITER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/runs/journal/run_journal.h"
#include "server/runs/request_ids.h"
#include "server/runs/sqlite/database.h"
#include "server/runs/sqlite/statement.h"

namespace lossd::runs {

// The rows that a SqliteJournal writes, over one connection. Each function is a transaction: after
// an error nothing of it is written. For one thread at a time.
class JournalWriter {
 public:
  // The tables of the database must be those of this version, and `request_ids` is what a run
  // remembers.
  static absl::StatusOr<std::unique_ptr<JournalWriter>> Open(Database database,
                                                             int64_t request_ids);

  Database& database() { return database_; }

  // Returns all runs.
  absl::StatusOr<std::vector<JournaledRun>> ReadRuns();
  // Adds the requests that a run remembers, the oldest first.
  absl::Status ReadRequests(const JournaledRun& run, RequestIds& requests);

  // Inserts a run and its first batch. Returns the run's id.
  absl::StatusOr<uint64_t> InsertRun(const NewBatch& first);
  absl::Status InsertBatch(uint64_t run, int64_t number, const NewBatch& batch);

  // Writes a part of a snapshot, but deletes no batches. `run` is as it will be.
  absl::Status WritePart(const JournaledRun& run, const SnapshotPart& part);
  // Deletes the first batches of `run` up to `trim`, but not more than about `most_bytes`, and
  // notes that in `run`. Their requests are remembered.
  absl::Status Trim(int64_t trim, int64_t most_bytes, JournaledRun& run);

  // Deletes a run; rows of it are left, which nobody sees.
  absl::Status DeleteRun(uint64_t run);
  // Deletes some of the rows that are left. Returns whether there may be more.
  absl::StatusOr<bool> DeleteLeftRows(uint64_t run);
  absl::StatusOr<std::vector<uint64_t>> DeletedRuns();

 private:
  // The statements.
  enum Sql : size_t {
    kInsertRun,
    kReadLastId,
    kIsTaken,
    kInsertBatch,
    kReadRuns,
    kReadLastBatch,
    kReadBatchBytes,
    kReadOldRequests,
    kReadNewRequests,
    kWriteState,
    kWriteChunk,
    kUpdateRun,
    kReadBatchSizes,
    kKeepRequests,
    kForgetRequests,
    kDeleteBatches,
    kNoteDeleted,
    kDeleteRun,
    kDeleteState,
    kDeleteChunks,
    kDeleteRequests,
    kReadDeleted,
    kForgetDeleted,
    kSqlCount,
  };

  JournalWriter(Database database, std::vector<Statement> statements, int64_t request_ids);

  // The first batches of a run behind another, up to one with this key, and what they have.
  struct SomeBatches {
    int64_t key;
    int64_t bytes;
  };
  // Returns those behind `after` until they have `most_bytes` or are a thousand, none beyond the
  // key `end`.
  absl::StatusOr<SomeBatches> LastOfSome(uint64_t run, int64_t after, int64_t end,
                                         int64_t most_bytes);
  // Returns an id that no run has, and none whose rows are still deleted. All others are given
  // before one is given again: who knows a deleted run does not take another for it.
  absl::StatusOr<uint64_t> FreeId();
  // Reads what the batches say of a run.
  absl::Status ReadBatchesOf(JournaledRun& run);
  absl::Status Insert(int64_t key, const NewBatch& batch);
  absl::Status Update(const JournaledRun& run);
  Statement& operator[](Sql sql) { return statements_[sql]; }

  Database database_;
  std::vector<Statement> statements_;
  int64_t request_ids_;
  std::optional<uint64_t> last_id_;  // that a run was given; unset: not read yet
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_JOURNAL_WRITER_H_
