#include "server/runs/sqlite/sqlite_error.h"

#include "absl/strings/str_cat.h"

namespace lossd::runs {

absl::Status SqliteError(sqlite3* database, int code) {
  const char* text = database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database);
  const std::string message = absl::StrCat("the database of the runs: ", text);
  constexpr int kPrimary = 0xff;
  const int primary = code & kPrimary;
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) return absl::DataLossError(message);
  return absl::UnavailableError(message);
}

}  // namespace lossd::runs
