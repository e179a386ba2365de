#include "server/runs/sqlite/journal_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/runs/byte_reader.h"
#include "server/runs/byte_writer.h"
#include "server/runs/sqlite/row_key.h"

namespace lossd::runs {
namespace {

std::string BytesOf(const RequestHash& hash) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Add(hash.low);
  writer.Add(hash.high);
  return bytes;
}

RequestHash ReadHash(absl::string_view bytes) {
  ByteReader reader(bytes);
  RequestHash hash;
  hash.low = reader.Read<uint64_t>();
  hash.high = reader.Read<uint64_t>();
  return hash;
}

// In the order of JournalWriter::Sql.
constexpr const char* kTexts[] = {
    // kInsertRun
    "INSERT INTO runs (id, name, owner, class_count, hard_threshold, create_time, "
    "update_time, folded, trimmed, folded_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0)",
    // kReadLastId
    "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'runs'), 0), "
    "coalesce((SELECT max(run) FROM deleted_runs), 0))",
    // kIsTaken
    "SELECT EXISTS (SELECT 1 FROM runs WHERE id = ?1) OR "
    "EXISTS (SELECT 1 FROM deleted_runs WHERE run = ?1)",
    // kInsertBatch
    "INSERT INTO batches (key, request, time, presentations) VALUES (?, ?, ?, ?)",
    // kReadRuns
    "SELECT id, name, owner, class_count, hard_threshold, create_time, update_time, "
    "folded, trimmed, folded_bytes FROM runs",
    // kReadLastBatch
    "SELECT key, time FROM batches WHERE key > ? AND key < ? ORDER BY key DESC LIMIT 1",
    // kReadBatchBytes
    "SELECT sum(length(presentations)) FROM batches WHERE key > ? AND key < ?",
    // kReadOldRequests
    "SELECT hash FROM requests WHERE key > ? AND key < ? ORDER BY key",
    // kReadNewRequests
    "SELECT request FROM batches WHERE key > ? AND key < ? ORDER BY key",
    // kWriteState
    "INSERT OR REPLACE INTO states (run, state) VALUES (?, ?)",
    // kWriteChunk
    "INSERT OR REPLACE INTO chunks (key, number, records) VALUES (?, ?, ?)",
    // kUpdateRun
    "UPDATE runs SET update_time = ?, folded = ?, trimmed = ?, folded_bytes = ? "
    "WHERE id = ?",
    // kReadBatchSizes
    "SELECT key, length(presentations) FROM batches WHERE key > ? AND key <= ? "
    "ORDER BY key",
    // kKeepRequests
    "INSERT INTO requests (key, hash) SELECT key, request FROM batches "
    "WHERE key > ? AND key <= ?",
    // kForgetRequests
    "DELETE FROM requests WHERE key > ? AND key <= ?",
    // kDeleteBatches
    "DELETE FROM batches WHERE key > ? AND key <= ?",
    // kNoteDeleted
    "INSERT INTO deleted_runs (run) VALUES (?)",
    // kDeleteRun
    "DELETE FROM runs WHERE id = ?",
    // kDeleteState
    "DELETE FROM states WHERE run = ?",
    // kDeleteChunks
    "DELETE FROM chunks WHERE key IN "
    "(SELECT key FROM chunks WHERE key >= ? AND key < ? LIMIT ?)",
    // kDeleteRequests
    "DELETE FROM requests WHERE key IN "
    "(SELECT key FROM requests WHERE key >= ? AND key < ? LIMIT ?)",
    // kReadDeleted
    "SELECT run FROM deleted_runs",
    // kForgetDeleted
    "DELETE FROM deleted_runs WHERE run = ?",
};

}  // namespace

absl::StatusOr<std::unique_ptr<JournalWriter>> JournalWriter::Open(Database database,
                                                                   int64_t request_ids) {
  static_assert(std::size(kTexts) == kSqlCount);
  std::vector<Statement> statements;
  statements.reserve(kSqlCount);
  for (const char* const text : kTexts) {
    auto statement = Statement::Prepare(database, text);
    if (!statement.ok()) return statement.status();
    statements.push_back(*std::move(statement));
  }
  return std::unique_ptr<JournalWriter>(
      new JournalWriter(std::move(database), std::move(statements), request_ids));
}

JournalWriter::JournalWriter(Database database, std::vector<Statement> statements,
                             int64_t request_ids)
    : database_(std::move(database)),
      statements_(std::move(statements)),
      request_ids_(request_ids) {}

absl::StatusOr<std::vector<JournaledRun>> JournalWriter::ReadRuns() {
  std::vector<JournaledRun> runs;
  Statement::Use use((*this)[kReadRuns]);
  while (true) {
    const auto has_row = use.Step();
    if (!has_row.ok()) return has_row.status();
    if (!*has_row) return runs;
    int column = 0;
    JournaledRun run;
    run.id = static_cast<uint64_t>(use.number(column++));
    run.name = std::string(use.bytes(column++));
    run.kind.owner = std::string(use.bytes(column++));
    run.kind.class_count = use.number(column++);
    run.kind.hard_threshold = use.real(column++);
    run.create_time = absl::FromUnixNanos(use.number(column++));
    run.update_time = absl::FromUnixNanos(use.number(column++));
    run.folded = use.number(column++);
    run.trimmed = use.number(column++);
    run.folded_bytes = use.number(column++);
    absl::Status read = ReadBatchesOf(run);
    if (!read.ok()) return read;
    runs.push_back(std::move(run));
  }
}

absl::Status JournalWriter::ReadBatchesOf(JournaledRun& run) {
  run.batch_count = run.trimmed;
  const int64_t begin = RowKey(run.id, 0);
  const int64_t end = RowKey(run.id + 1, 0);
  Statement::Use last((*this)[kReadLastBatch]);
  const auto has_batch = last.Bind(begin).Bind(end).Step();
  if (!has_batch.ok()) return has_batch.status();
  if (!*has_batch) return absl::OkStatus();
  run.batch_count = PlaceOf(last.number(0));
  run.update_time = absl::FromUnixNanos(last.number(1));
  Statement::Use bytes((*this)[kReadBatchBytes]);
  const auto summed = bytes.Bind(begin).Bind(end).Step();
  if (summed.ok()) run.waiting_bytes = bytes.number(0);
  return summed.status();
}

absl::Status JournalWriter::ReadRequests(const JournaledRun& run, RequestIds& requests) {
  for (const Sql sql : {kReadOldRequests, kReadNewRequests}) {
    Statement::Use use((*this)[sql]);
    use.Bind(RowKey(run.id, 0)).Bind(RowKey(run.id + 1, 0));
    while (true) {
      const auto has_row = use.Step();
      if (!has_row.ok()) return has_row.status();
      if (!*has_row) break;
      requests.ReserveOne();
      requests.Add(ReadHash(use.bytes(0)));
    }
  }
  return absl::OkStatus();
}

absl::Status JournalWriter::Insert(int64_t key, const NewBatch& batch) {
  const std::string request = BytesOf(batch.request);
  Statement::Use use((*this)[kInsertBatch]);
  use.Bind(key).BindBytes(request).Bind(absl::ToUnixNanos(batch.time)).BindBytes(batch.bytes);
  return use.Run();
}

absl::Status JournalWriter::InsertBatch(uint64_t run, int64_t number, const NewBatch& batch) {
  if (number >= kPlacesEnd) return absl::ResourceExhaustedError("the run has too many batches");
  return Insert(RowKey(run, number), batch);
}

absl::StatusOr<uint64_t> JournalWriter::InsertRun(const NewBatch& first) {
  auto transaction = Transaction::Begin(database_);
  if (!transaction.ok()) return transaction.status();
  const int64_t time = absl::ToUnixNanos(first.time);
  auto free = FreeId();
  if (!free.ok()) return free;
  const uint64_t run = *free;
  {
    Statement::Use use((*this)[kInsertRun]);
    use.Bind(static_cast<int64_t>(run))
        .BindText(first.run)
        .BindText(first.kind.owner)
        .Bind(first.kind.class_count);
    use.Bind(first.kind.hard_threshold).Bind(time).Bind(time);
    const absl::Status inserted = use.Run();
    if (!inserted.ok()) return inserted;
  }
  absl::Status done = Insert(RowKey(run, 1), first);
  if (done.ok()) done = transaction->Commit();
  if (!done.ok()) return done;
  last_id_ = run;
  return run;
}

absl::StatusOr<uint64_t> JournalWriter::FreeId() {
  if (!last_id_) {
    Statement::Use last((*this)[kReadLastId]);
    const auto read = last.Step();
    if (!read.ok()) return read.status();
    last_id_ = std::min(static_cast<uint64_t>(last.number(0)), kRunsEnd - 1);
  }
  for (uint64_t i = 1; i < kRunsEnd; ++i) {
    // From 1 on.
    const uint64_t id = (*last_id_ + i - 1) % (kRunsEnd - 1) + 1;
    Statement::Use taken((*this)[kIsTaken]);
    const auto read = taken.Bind(static_cast<int64_t>(id)).Step();
    if (!read.ok()) return read.status();
    if (taken.number(0) == 0) return id;
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("the database has ", kRunsEnd - 1, " runs: delete some"));
}

absl::Status JournalWriter::Update(const JournaledRun& run) {
  Statement::Use use((*this)[kUpdateRun]);
  use.Bind(absl::ToUnixNanos(run.update_time)).Bind(run.folded).Bind(run.trimmed);
  return use.Bind(run.folded_bytes).Bind(static_cast<int64_t>(run.id)).Run();
}

absl::Status JournalWriter::WritePart(const JournaledRun& run, const SnapshotPart& part) {
  auto transaction = Transaction::Begin(database_);
  if (!transaction.ok()) return transaction.status();
  for (const RecordChunk& chunk : part.chunks) {
    Statement::Use use((*this)[kWriteChunk]);
    use.Bind(RowKey(run.id, chunk.index)).Bind(chunk.number).BindBytes(chunk.records);
    absl::Status written = use.Run();
    if (!written.ok()) return written;
  }
  {
    Statement::Use use((*this)[kWriteState]);
    use.Bind(static_cast<int64_t>(run.id)).BindBytes(part.state);
    absl::Status written = use.Run();
    if (!written.ok()) return written;
  }
  absl::Status updated = Update(run);
  if (!updated.ok()) return updated;
  return transaction->Commit();
}

absl::Status JournalWriter::Trim(int64_t trim, int64_t most_bytes, JournaledRun& run) {
  auto transaction = Transaction::Begin(database_);
  if (!transaction.ok()) return transaction.status();
  const int64_t begin = RowKey(run.id, run.trimmed);
  const auto some = LastOfSome(run.id, run.trimmed, RowKey(run.id, trim), most_bytes);
  if (!some.ok()) return some.status();
  JournaledRun then = run;
  then.trimmed = PlaceOf(some->key);
  then.waiting_bytes -= some->bytes;
  const int64_t end = some->key;
  const int64_t oldest = std::max<int64_t>(0, then.trimmed - request_ids_);
  absl::Status done = Statement::Use((*this)[kKeepRequests]).Bind(begin).Bind(end).Run();
  if (done.ok()) {
    done = Statement::Use((*this)[kForgetRequests])
               .Bind(RowKey(run.id, 0))
               .Bind(RowKey(run.id, oldest))
               .Run();
  }
  if (done.ok()) done = Statement::Use((*this)[kDeleteBatches]).Bind(begin).Bind(end).Run();
  if (done.ok()) done = Update(then);
  if (done.ok()) done = transaction->Commit();
  if (done.ok()) run = std::move(then);
  return done;
}

}  // namespace lossd::runs
