#include "server/runs/sqlite/sqlite_journal.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/runs/sqlite/database.h"
#include "server/runs/sqlite/schema.h"

namespace lossd::runs {
namespace {

constexpr int kPageBytes = 8192;

// Batches of so many bytes are deleted at once, while nobody records.
constexpr int64_t kTrimBytes = int64_t{16} << 20;

absl::Status NoSuchRun(const JournaledRun& run) {
  return absl::NotFoundError(absl::StrCat("there is no run '", run.name, "'"));
}

// Has the database write a log ahead, which some file systems do not let it.
absl::Status WriteAhead(Database& database, const std::string& path) {
  const auto mode = database.ReadText("PRAGMA journal_mode = WAL");
  if (!mode.ok()) return mode.status();
  if (*mode == "wal") return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path, " has the journal_mode '", *mode, "', expected 'wal': its folder does not allow it"));
}

absl::StatusOr<Database> OpenWriter(const SqliteOptions& options) {
  auto database = Database::Open(options.path);
  if (!database.ok()) return database;
  const char* const sync = options.sync == SqliteSync::kFull ? "FULL" : "NORMAL";
  absl::Status set = CheckSchema(*database, options.path);
  if (set.ok()) set = database->Run(absl::StrCat("PRAGMA page_size = ", kPageBytes));
  if (set.ok()) set = WriteAhead(*database, options.path);
  if (set.ok()) set = database->Run(absl::StrCat("PRAGMA synchronous = ", sync));
  if (set.ok()) set = MigrateSchema(*database);
  if (!set.ok()) return set;
  return database;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteJournal>> SqliteJournal::Open(const SqliteOptions& options) {
  auto lock = FileLock::Take(options.path);
  if (!lock.ok()) return lock.status();
  auto database = OpenWriter(options);
  if (!database.ok()) return database.status();
  auto writer = JournalWriter::Open(*std::move(database), options.request_ids);
  if (!writer.ok()) return writer.status();
  auto reader = JournalReader::Open(options.path);
  if (!reader.ok()) return reader.status();
  auto checkpoints = WalCheckpoints::Start((*writer)->database(), options.path);
  if (!checkpoints.ok()) return checkpoints.status();
  std::unique_ptr<SqliteJournal> journal(new SqliteJournal(
      options, *std::move(lock), *std::move(reader), *std::move(writer), *std::move(checkpoints)));
  absl::Status read = journal->ReadHeads();
  if (!read.ok()) return read;
  return journal;
}

SqliteJournal::SqliteJournal(SqliteOptions options, FileLock lock,
                             std::unique_ptr<JournalReader> reader,
                             std::unique_ptr<JournalWriter> writer,
                             std::unique_ptr<WalCheckpoints> checkpoints)
    : options_(std::move(options)),
      lock_(std::move(lock)),
      reader_(std::move(reader)),
      writer_(std::move(writer)),
      checkpoints_(std::move(checkpoints)) {}

absl::Status SqliteJournal::ReadHeads() {
  const auto deleted = writer_->DeletedRuns();
  if (!deleted.ok()) return deleted.status();
  for (const uint64_t run : *deleted) {
    absl::Status done = DeleteLeftRows(run);
    if (!done.ok()) return done;
  }
  auto runs = writer_->ReadRuns();
  if (!runs.ok()) return runs.status();
  for (JournaledRun& run : *runs) {
    Head& head = heads_[run.name];
    head.run = std::move(run);
  }
  return absl::OkStatus();
}

SqliteJournal::Head* SqliteJournal::FindHead(absl::string_view name) {
  const auto head = heads_.find(name);
  return head == heads_.end() ? nullptr : &head->second;
}

SqliteJournal::Head* SqliteJournal::FindHead(const JournaledRun& run) {
  Head* const head = FindHead(run.name);
  return head == nullptr || head->run.id != run.id ? nullptr : head;
}

void SqliteJournal::Change(Head& head, JournaledRun run) {
  const MutexLock lock(&heads_mutex_);
  head.run = std::move(run);
}

absl::Status SqliteJournal::ReadRequests(Head& head) {
  if (head.requests != nullptr) return absl::OkStatus();
  auto requests = std::make_unique<RequestIds>(options_.request_ids);
  absl::Status read = writer_->ReadRequests(head.run, *requests);
  if (read.ok()) head.requests = std::move(requests);
  return read;
}

absl::StatusOr<int64_t> SqliteJournal::AppendFirst(const NewBatch& batch) {
  Head head;
  head.requests = std::make_unique<RequestIds>(options_.request_ids);
  head.requests->ReserveOne();
  head.requests->Add(batch.request);
  const auto run = writer_->InsertRun(batch);
  if (!run.ok()) return run.status();
  head.run.name = std::string(batch.run);
  head.run.id = *run;
  head.run.kind = batch.kind;
  head.run.create_time = batch.time;
  head.run.update_time = batch.time;
  head.run.batch_count = 1;
  head.run.waiting_bytes = static_cast<int64_t>(batch.bytes.size());
  const int64_t waiting = head.run.waiting_bytes;
  const MutexLock lock(&heads_mutex_);
  heads_[std::string(batch.run)] = std::move(head);
  return waiting;
}

absl::StatusOr<int64_t> SqliteJournal::Append(const NewBatch& batch) {
  const MutexLock lock(&writing_);
  Head* const head = FindHead(batch.run);
  if (head == nullptr) return AppendFirst(batch);
  absl::Status may = CheckKind(batch.run, batch.kind, head->run.kind);
  if (may.ok()) may = ReadRequests(*head);
  if (!may.ok()) return may;
  if (head->requests->Has(batch.request)) return head->run.waiting_bytes;
  head->requests->ReserveOne();
  absl::Status inserted = writer_->InsertBatch(head->run.id, head->run.batch_count + 1, batch);
  if (!inserted.ok()) return inserted;
  head->requests->Add(batch.request);
  const MutexLock heads_lock(&heads_mutex_);
  ++head->run.batch_count;
  head->run.update_time = batch.time;
  head->run.waiting_bytes += static_cast<int64_t>(batch.bytes.size());
  return head->run.waiting_bytes;
}

absl::StatusOr<JournaledRun> SqliteJournal::Find(absl::string_view name) {
  const MutexLock lock(&heads_mutex_);
  const auto head = heads_.find(name);
  if (head == heads_.end()) return absl::NotFoundError("there is no such run");
  return head->second.run;
}

absl::StatusOr<std::vector<JournaledRun>> SqliteJournal::List(absl::string_view after,
                                                              int64_t limit) {
  std::vector<JournaledRun> runs;
  const MutexLock lock(&heads_mutex_);
  for (auto head = heads_.upper_bound(after);
       head != heads_.end() && static_cast<int64_t>(runs.size()) < limit; ++head) {
    runs.push_back(head->second.run);
  }
  return runs;
}

absl::Status SqliteJournal::Delete(const JournaledRun& run) {
  {
    const MutexLock lock(&writing_);
    if (FindHead(run) == nullptr) return NoSuchRun(run);
    absl::Status deleted = writer_->DeleteRun(run.id);
    if (!deleted.ok()) return deleted;
    const MutexLock heads_lock(&heads_mutex_);
    heads_.erase(run.name);
  }
  // It is gone, and what is left of it goes at the next start if not now.
  DeleteLeftRows(run.id).IgnoreError();
  return absl::OkStatus();
}

absl::Status SqliteJournal::DeleteLeftRows(uint64_t run) {
  while (true) {
    const MutexLock lock(&writing_);
    const auto more = writer_->DeleteLeftRows(run);
    if (!more.ok()) return more.status();
    if (!*more) return absl::OkStatus();
  }
}

absl::StatusOr<std::vector<JournaledBatch>> SqliteJournal::ReadBatches(const JournaledRun& run,
                                                                       int64_t after,
                                                                       int64_t most_bytes) {
  return reader_->ReadBatches(run.id, after, most_bytes);
}

absl::StatusOr<std::string> SqliteJournal::ReadState(const JournaledRun& run, int64_t most_bytes) {
  return reader_->ReadState(run.id, most_bytes);
}

absl::Status SqliteJournal::ReadChunks(const JournaledRun& run,
                                       absl::FunctionRef<absl::Status(const RecordChunk&)> show) {
  return reader_->ReadChunks(run.id, show);
}

absl::Status SqliteJournal::Write(const JournaledRun& run, const SnapshotPart& part) {
  {
    const MutexLock lock(&writing_);
    Head* const head = FindHead(run);
    if (head == nullptr) return NoSuchRun(run);
    if (head->run.folded > part.number) return absl::AbortedError("the snapshot is newer");
    JournaledRun then = head->run;
    then.folded = part.number;
    constexpr int64_t kRequestBytes = 32;
    then.folded_bytes =
        part.folded_bytes + kRequestBytes * std::min(then.batch_count, options_.request_ids);
    absl::Status written = writer_->WritePart(then, part);
    if (!written.ok()) return written;
    Change(*head, std::move(then));
  }
  while (true) {
    const MutexLock lock(&writing_);
    Head* const head = FindHead(run);
    if (head == nullptr) return NoSuchRun(run);
    if (head->run.trimmed >= part.trim) return absl::OkStatus();
    JournaledRun then = head->run;
    absl::Status trimmed = writer_->Trim(part.trim, kTrimBytes, then);
    if (!trimmed.ok()) return trimmed;
    Change(*head, std::move(then));
  }
}

}  // namespace lossd::runs
