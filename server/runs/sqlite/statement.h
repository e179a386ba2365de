#ifndef LOSSD_SERVER_RUNS_SQLITE_STATEMENT_H_
#define LOSSD_SERVER_RUNS_SQLITE_STATEMENT_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/runs/sqlite/database.h"

namespace lossd::runs {

// A statement of SQL, compiled once. Its database must outlive it.
class Statement {
 public:
  static absl::StatusOr<Statement> Prepare(Database& database, absl::string_view sql);

  // One use of a statement: parameters are bound, counted from 1, and rows are read, whose columns
  // are counted from 0. Texts that are bound must outlive it.
  class Use {
   public:
    explicit Use(Statement& statement) : handle_(statement.handle_.get()) {}
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

    Use& Bind(int64_t number);
    Use& Bind(double number);
    Use& BindText(absl::string_view text);
    Use& BindBytes(absl::string_view bytes);

    // Goes to the next row. Returns false where there is none.
    absl::StatusOr<bool> Step();
    // Runs a statement without rows.
    absl::Status Run();

    int64_t number(int column) const { return sqlite3_column_int64(handle_, column); }
    double real(int column) const { return sqlite3_column_double(handle_, column); }
    // Stays until the next step.
    absl::string_view bytes(int column) const;

   private:
    void Note(int code);

    sqlite3_stmt* handle_;
    int bound_ = 0;
    int failed_ = SQLITE_OK;  // what a parameter could not be bound for
  };

 private:
  struct Finalizer {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };

  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}

  std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_STATEMENT_H_
