#include "server/runs/sqlite/database.h"

#include "server/runs/sqlite/sqlite_error.h"
#include "server/runs/sqlite/statement.h"

namespace lossd::runs {

absl::StatusOr<Database> Database::Open(const std::string& path) {
  sqlite3* handle = nullptr;
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle, kFlags, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) return SqliteError(handle, code);
  sqlite3_extended_result_codes(handle, 1);
  constexpr int kLongestWaitMilliseconds = 5000;
  sqlite3_busy_timeout(handle, kLongestWaitMilliseconds);
  return database;
}

absl::Status Database::Run(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : SqliteError(handle_.get(), code);
}

absl::StatusOr<int64_t> Database::ReadNumber(const std::string& sql) {
  auto statement = Statement::Prepare(*this, sql);
  if (!statement.ok()) return statement.status();
  Statement::Use use(*statement);
  const auto has_row = use.Step();
  if (!has_row.ok()) return has_row.status();
  return *has_row ? use.number(0) : 0;
}

absl::StatusOr<std::string> Database::ReadText(const std::string& sql) {
  auto statement = Statement::Prepare(*this, sql);
  if (!statement.ok()) return statement.status();
  Statement::Use use(*statement);
  const auto has_row = use.Step();
  if (!has_row.ok()) return has_row.status();
  return *has_row ? std::string(use.bytes(0)) : std::string();
}

absl::StatusOr<Transaction> Transaction::Begin(Database& database) {
  absl::Status begun = database.Run("BEGIN IMMEDIATE");
  if (!begun.ok()) return begun;
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) database_->Run("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  absl::Status committed = database_->Run("COMMIT");
  if (committed.ok()) database_ = nullptr;
  return committed;
}

}  // namespace lossd::runs
