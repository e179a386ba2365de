#ifndef LOSSD_SERVER_RUNS_SQLITE_DATABASE_H_
#define LOSSD_SERVER_RUNS_SQLITE_DATABASE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lossd::runs {

// A connection to a file of SQLite. For one thread at a time, with its statements.
class Database {
 public:
  // Opens the file, which is made if it is not there.
  static absl::StatusOr<Database> Open(const std::string& path);

  // Runs statements that return nothing.
  absl::Status Run(const std::string& sql);
  // Returns the number that a statement returns.
  absl::StatusOr<int64_t> ReadNumber(const std::string& sql);
  // Returns the text that a statement returns.
  absl::StatusOr<std::string> ReadText(const std::string& sql);

  int64_t last_row_id() const { return sqlite3_last_insert_rowid(handle_.get()); }
  sqlite3* handle() const { return handle_.get(); }

 private:
  struct Closer {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };

  explicit Database(sqlite3* handle) : handle_(handle) {}

  std::unique_ptr<sqlite3, Closer> handle_;
};

// A transaction, which is undone unless it is committed.
class Transaction {
 public:
  // `database` must outlive it.
  static absl::StatusOr<Transaction> Begin(Database& database);
  ~Transaction();
  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;

  absl::Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_DATABASE_H_
