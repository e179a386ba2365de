#ifndef LOSSD_SERVER_RUNS_SQLITE_JOURNAL_READER_H_
#define LOSSD_SERVER_RUNS_SQLITE_JOURNAL_READER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/runs/journal/run_journal.h"
#include "server/runs/sqlite/database.h"
#include "server/runs/sqlite/statement.h"
#include "server/threads/mutex.h"

namespace lossd::runs {

// Reads what a SqliteJournal has written, over a connection of its own: who writes does not wait
// for it. Thread-safe.
class JournalReader {
 public:
  static absl::StatusOr<std::unique_ptr<JournalReader>> Open(const std::string& path);

  // As RunJournal has them.
  absl::StatusOr<std::vector<JournaledBatch>> ReadBatches(uint64_t run, int64_t after,
                                                          int64_t most_bytes);
  absl::StatusOr<std::string> ReadState(uint64_t run, int64_t most_bytes);
  absl::Status ReadChunks(uint64_t run, absl::FunctionRef<absl::Status(const RecordChunk&)> show);

 private:
  JournalReader(Database database, Statement batches, Statement state, Statement chunks);
  // Reads some of the chunks, from `begin` on.
  absl::StatusOr<std::vector<RecordChunk>> ReadSomeChunks(uint64_t run, int64_t begin);

  Mutex mutex_;
  Database database_ ABSL_GUARDED_BY(mutex_);
  Statement batches_ ABSL_GUARDED_BY(mutex_);
  Statement state_ ABSL_GUARDED_BY(mutex_);
  Statement chunks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_JOURNAL_READER_H_
