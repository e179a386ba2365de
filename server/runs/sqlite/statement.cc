#include "server/runs/sqlite/statement.h"

#include <cstddef>

#include "server/runs/sqlite/sqlite_error.h"

namespace lossd::runs {

absl::StatusOr<Statement> Statement::Prepare(Database& database, absl::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(database.handle(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  Statement statement(handle);
  if (code != SQLITE_OK) return SqliteError(database.handle(), code);
  return statement;
}

Statement::Use::~Use() {
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

void Statement::Use::Note(int code) {
  if (code != SQLITE_OK) failed_ = code;
}

Statement::Use& Statement::Use::Bind(int64_t number) {
  Note(sqlite3_bind_int64(handle_, ++bound_, number));
  return *this;
}

Statement::Use& Statement::Use::Bind(double number) {
  Note(sqlite3_bind_double(handle_, ++bound_, number));
  return *this;
}

Statement::Use& Statement::Use::BindText(absl::string_view text) {
  // A null pointer would be NULL.
  const char* const data = text.empty() ? "" : text.data();
  Note(sqlite3_bind_text64(handle_, ++bound_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Statement::Use& Statement::Use::BindBytes(absl::string_view bytes) {
  const char* const data = bytes.empty() ? "" : bytes.data();
  Note(sqlite3_bind_blob64(handle_, ++bound_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

absl::StatusOr<bool> Statement::Use::Step() {
  const int code = failed_ == SQLITE_OK ? sqlite3_step(handle_) : failed_;
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return SqliteError(sqlite3_db_handle(handle_), code);
}

absl::Status Statement::Use::Run() { return Step().status(); }

absl::string_view Statement::Use::bytes(int column) const {
  const auto* const data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  return {data, static_cast<size_t>(sqlite3_column_bytes(handle_, column))};
}

}  // namespace lossd::runs
