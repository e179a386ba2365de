#ifndef LOSSD_SERVER_RUNS_SQLITE_SQLITE_JOURNAL_H_
#define LOSSD_SERVER_RUNS_SQLITE_SQLITE_JOURNAL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/runs/journal/run_journal.h"
#include "server/runs/request_ids.h"
#include "server/runs/sqlite/file_lock.h"
#include "server/runs/sqlite/journal_reader.h"
#include "server/runs/sqlite/journal_writer.h"
#include "server/runs/sqlite/wal_checkpoints.h"
#include "server/threads/mutex.h"

namespace lossd::runs {

// When a batch is stored.
enum class SqliteSync {
  kNormal,  // when the system has it: it outlives the process, and not always a power cut
  kFull,    // when the disk has it
};

struct SqliteOptions {
  std::string path;
  SqliteSync sync = SqliteSync::kNormal;
  // Requests that a run remembers.
  int64_t request_ids = 1'000'000;
};

// A journal in a file of SQLite, which one process at a time has. A batch is one row.
class SqliteJournal final : public RunJournal {
 public:
  // FAILED_PRECONDITION where another process has the file, or it is none of this version's.
  static absl::StatusOr<std::unique_ptr<SqliteJournal>> Open(const SqliteOptions& options);

  absl::StatusOr<int64_t> Append(const NewBatch& batch) override;
  int64_t most_batch_bytes() const override { return kMostBatchBytes; }
  absl::StatusOr<JournaledRun> Find(absl::string_view name) override;
  absl::StatusOr<std::vector<JournaledRun>> List(absl::string_view after, int64_t limit) override;
  absl::Status Delete(const JournaledRun& run) override;
  absl::StatusOr<std::vector<JournaledBatch>> ReadBatches(const JournaledRun& run, int64_t after,
                                                          int64_t most_bytes) override;
  absl::StatusOr<std::string> ReadState(const JournaledRun& run, int64_t most_bytes) override;
  absl::Status ReadChunks(const JournaledRun& run,
                          absl::FunctionRef<absl::Status(const RecordChunk&)> show) override;
  absl::Status Write(const JournaledRun& run, const SnapshotPart& part) override;

 private:
  // A row of SQLite has a thousand million bytes at most.
  static constexpr int64_t kMostBatchBytes = 999'000'000;

  // What is known of a run, so that a batch is one row and nothing else.
  struct Head {
    JournaledRun run;
    std::unique_ptr<RequestIds> requests;  // null: not read yet
  };

  SqliteJournal(SqliteOptions options, FileLock lock, std::unique_ptr<JournalReader> reader,
                std::unique_ptr<JournalWriter> writer, std::unique_ptr<WalCheckpoints> checkpoints);

  absl::Status ReadHeads();
  // Returns the head of a run, or null if there is none with that id. For who holds writing_.
  Head* FindHead(const JournaledRun& run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_);
  Head* FindHead(absl::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_);
  absl::StatusOr<int64_t> AppendFirst(const NewBatch& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_);
  absl::Status ReadRequests(Head& head) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_);
  void Change(Head& head, JournaledRun run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writing_);
  // Deletes what a deleted run has left, some at a time.
  absl::Status DeleteLeftRows(uint64_t run) ABSL_LOCKS_EXCLUDED(writing_);

  const SqliteOptions options_;
  const FileLock lock_;  // given up last: closing the file gives up SQLite's locks, too
  const std::unique_ptr<JournalReader> reader_;
  Mutex writing_;  // locked before heads_mutex_
  const std::unique_ptr<JournalWriter> writer_ ABSL_PT_GUARDED_BY(writing_);
  const std::unique_ptr<WalCheckpoints> checkpoints_;
  Mutex heads_mutex_;
  // Changed by who holds writing_, too, and read by who holds either.
  std::map<std::string, Head, std::less<>> heads_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_SQLITE_JOURNAL_H_
