// How a JournalWriter deletes runs.
#include "server/runs/sqlite/journal_writer.h"
#include "server/runs/sqlite/row_key.h"

namespace lossd::runs {

absl::Status JournalWriter::DeleteRun(uint64_t run) {
  auto transaction = Transaction::Begin(database_);
  if (!transaction.ok()) return transaction.status();
  for (const Sql sql : {kNoteDeleted, kDeleteRun, kDeleteState}) {
    absl::Status done = Statement::Use((*this)[sql]).Bind(static_cast<int64_t>(run)).Run();
    if (!done.ok()) return done;
  }
  return transaction->Commit();
}

absl::StatusOr<bool> JournalWriter::DeleteLeftRows(uint64_t run) {
  constexpr int64_t kAtOnce = 256;
  for (const Sql sql : {kDeleteChunks, kDeleteRequests, kDeleteSomeBatches}) {
    Statement::Use use((*this)[sql]);
    use.Bind(RowKey(run, 0)).Bind(RowKey(run + 1, 0)).Bind(kAtOnce);
    absl::Status done = use.Run();
    if (!done.ok()) return done;
    if (sqlite3_changes(database_.handle()) > 0) return true;
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
