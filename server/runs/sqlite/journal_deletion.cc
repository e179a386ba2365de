// How a JournalWriter deletes runs.
#include "server/runs/sqlite/journal_writer.h"
#include "server/runs/sqlite/row_key.h"

namespace lossd::runs {
namespace {

// Batches of so many bytes are deleted at once, while nobody records.
constexpr int64_t kBytesAtOnce = int64_t{16} << 20;

}  // namespace

absl::Status JournalWriter::DeleteRun(uint64_t run) {
  auto transaction = Transaction::Begin(database_);
  if (!transaction.ok()) return transaction.status();
  for (const Sql sql : {kNoteDeleted, kDeleteRun, kDeleteState}) {
    absl::Status done = Statement::Use((*this)[sql]).Bind(static_cast<int64_t>(run)).Run();
    if (!done.ok()) return done;
  }
  return transaction->Commit();
}

absl::StatusOr<JournalWriter::SomeBatches> JournalWriter::LastOfSome(uint64_t run, int64_t after,
                                                                     int64_t end,
                                                                     int64_t most_bytes) {
  // Of the smallest ones not too many either.
  constexpr int kMostRows = 1000;
  SomeBatches some = {RowKey(run, after), 0};
  Statement::Use sizes((*this)[kReadBatchSizes]);
  sizes.Bind(some.key).Bind(end);
  for (int rows = 0; rows < kMostRows && some.bytes < most_bytes; ++rows) {
    const auto has_row = sizes.Step();
    if (!has_row.ok()) return has_row.status();
    if (!*has_row) break;
    some.key = sizes.number(0);
    some.bytes += sizes.number(1);
  }
  return some;
}

absl::StatusOr<bool> JournalWriter::DeleteLeftRows(uint64_t run) {
  constexpr int64_t kAtOnce = 256;
  for (const Sql sql : {kDeleteChunks, kDeleteRequests}) {
    Statement::Use use((*this)[sql]);
    use.Bind(RowKey(run, 0)).Bind(RowKey(run + 1, 0)).Bind(kAtOnce);
    absl::Status done = use.Run();
    if (!done.ok()) return done;
    if (sqlite3_changes(database_.handle()) > 0) return true;
  }
  const auto last = LastOfSome(run, 0, RowKey(run + 1, 0) - 1, kBytesAtOnce);
  if (!last.ok()) return last.status();
  if (last->bytes > 0) {
    absl::Status done =
        Statement::Use((*this)[kDeleteBatches]).Bind(RowKey(run, 0)).Bind(last->key).Run();
    if (!done.ok()) return done;
    return true;
  }
  absl::Status done = Statement::Use((*this)[kForgetDeleted]).Bind(static_cast<int64_t>(run)).Run();
  if (!done.ok()) return done;
  return false;
}

absl::StatusOr<std::vector<uint64_t>> JournalWriter::DeletedRuns() {
  std::vector<uint64_t> runs;
  Statement::Use use((*this)[kReadDeleted]);
  while (true) {
    const auto has_row = use.Step();
    if (!has_row.ok()) return has_row.status();
    if (!*has_row) return runs;
    runs.push_back(static_cast<uint64_t>(use.number(0)));
  }
}

}  // namespace lossd::runs
