#include "server/runs/sqlite/journal_reader.h"

#include <algorithm>
#include <utility>

#include "server/runs/sqlite/row_key.h"
#include "server/runs/sqlite/sqlite_error.h"

namespace lossd::runs {

absl::StatusOr<std::unique_ptr<JournalReader>> JournalReader::Open(const std::string& path) {
  auto database = Database::Open(path);
  if (!database.ok()) return database.status();
  auto batches = Statement::Prepare(*database,
                                    "SELECT key, presentations FROM batches "
                                    "WHERE key > ? AND key < ? ORDER BY key");
  if (!batches.ok()) return batches.status();
  auto state = Statement::Prepare(*database, "SELECT run FROM states WHERE run = ?");
  if (!state.ok()) return state.status();
  auto chunks = Statement::Prepare(*database,
                                   "SELECT key, number, records FROM chunks "
                                   "WHERE key >= ? AND key < ? ORDER BY key LIMIT ?");
  if (!chunks.ok()) return chunks.status();
  return std::unique_ptr<JournalReader>(new JournalReader(*std::move(database), *std::move(batches),
                                                          *std::move(state), *std::move(chunks)));
}

JournalReader::JournalReader(Database database, Statement batches, Statement state,
                             Statement chunks)
    : database_(std::move(database)),
      batches_(std::move(batches)),
      state_(std::move(state)),
      chunks_(std::move(chunks)) {}

absl::StatusOr<std::vector<JournaledBatch>> JournalReader::ReadBatches(uint64_t run, int64_t after,
                                                                       int64_t most_bytes) {
  std::vector<JournaledBatch> batches;
  const MutexLock lock(&mutex_);
  Statement::Use use(batches_);
  use.Bind(RowKey(run, after)).Bind(RowKey(run + 1, 0));
  for (int64_t bytes = 0; bytes < most_bytes;) {
    const auto has_row = use.Step();
    if (!has_row.ok()) return has_row.status();
    if (!*has_row) break;
    batches.push_back({PlaceOf(use.number(0)), std::string(use.bytes(1))});
    bytes += static_cast<int64_t>(batches.back().bytes.size());
  }
  return batches;
}

absl::StatusOr<std::string> JournalReader::ReadState(uint64_t run, int64_t most_bytes) {
  const MutexLock lock(&mutex_);
  // Until the end: as long as it is at its row, no other connection takes that away.
  Statement::Use use(state_);
  use.Bind(static_cast<int64_t>(run));
  const auto has_row = use.Step();
  if (!has_row.ok()) return has_row.status();
  if (!*has_row) return std::string();
  // A statement would read all of it.
  sqlite3_blob* opened = nullptr;
  int code = sqlite3_blob_open(database_.handle(), "main", "states", "state",
                               static_cast<int64_t>(run), 0, &opened);
  const std::unique_ptr<sqlite3_blob, int (*)(sqlite3_blob*)> blob(opened, &sqlite3_blob_close);
  if (code != SQLITE_OK) return SqliteError(database_.handle(), code);
  const auto size = static_cast<int>(std::min<int64_t>(most_bytes, sqlite3_blob_bytes(blob.get())));
  std::string state(static_cast<size_t>(size), '\0');
  code = sqlite3_blob_read(blob.get(), state.data(), size, 0);
  if (code != SQLITE_OK) return SqliteError(database_.handle(), code);
  return state;
}

absl::StatusOr<std::vector<RecordChunk>> JournalReader::ReadSomeChunks(uint64_t run,
                                                                       int64_t begin) {
  constexpr int64_t kAtOnce = 256;
  std::vector<RecordChunk> chunks;
  const MutexLock lock(&mutex_);
  Statement::Use use(chunks_);
  use.Bind(RowKey(run, begin)).Bind(RowKey(run + 1, 0)).Bind(kAtOnce);
  while (true) {
    const auto has_row = use.Step();
    if (!has_row.ok()) return has_row.status();
    if (!*has_row) return chunks;
    chunks.push_back({PlaceOf(use.number(0)), use.number(1), std::string(use.bytes(2))});
  }
}

absl::Status JournalReader::ReadChunks(uint64_t run,
                                       absl::FunctionRef<absl::Status(const RecordChunk&)> show) {
  int64_t begin = 0;
  while (true) {
    auto chunks = ReadSomeChunks(run, begin);
    if (!chunks.ok()) return chunks.status();
    if (chunks->empty()) return absl::OkStatus();
    begin = chunks->back().index + 1;
    for (const RecordChunk& chunk : *chunks) {
      absl::Status shown = show(chunk);
      if (!shown.ok()) return shown;
    }
  }
}

}  // namespace lossd::runs
