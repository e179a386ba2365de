#include "server/runs/sqlite/schema.h"

#include <cstdint>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace lossd::runs {
namespace {

// "loss", as SQLite's application_id, which tells what a file is.
constexpr int64_t kApplication = 0x6c6f7373;

// What makes of version i the version i + 1. Those that are there never change.
//
// A key of the last three tables is run · 2⁴⁰ + the number of a batch or the index of a chunk.
constexpr const char* kMigrations[] = {
    R"sql(
      CREATE TABLE runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        class_count INTEGER NOT NULL,
        hard_threshold REAL NOT NULL,
        create_time INTEGER NOT NULL,   -- in nanoseconds since 1970
        update_time INTEGER NOT NULL,   -- of the batch up to which batches went
        folded INTEGER NOT NULL,        -- the state has the batches up to this number
        trimmed INTEGER NOT NULL,       -- the batches up to this number went
        folded_bytes INTEGER NOT NULL);
      CREATE TABLE deleted_runs (run INTEGER PRIMARY KEY);  -- rows of theirs may be left
      CREATE TABLE states (run INTEGER PRIMARY KEY, state BLOB NOT NULL);
      CREATE TABLE chunks (
        key INTEGER PRIMARY KEY,
        number INTEGER NOT NULL,        -- the chunk has the batches up to this number
        records BLOB NOT NULL);
      CREATE TABLE requests (key INTEGER PRIMARY KEY, hash BLOB NOT NULL);
      CREATE TABLE batches (
        key INTEGER PRIMARY KEY,
        request BLOB NOT NULL,
        time INTEGER NOT NULL,
        presentations BLOB NOT NULL);
    )sql",
};
static_assert(std::size(kMigrations) == kSchemaVersion);

}  // namespace

absl::Status CheckSchema(Database& database, const std::string& path) {
  const auto version = database.ReadNumber("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const auto application = database.ReadNumber("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const auto tables = database.ReadNumber("SELECT count(*) FROM sqlite_schema");
  if (!tables.ok()) return tables.status();
  const bool is_new = *application == 0 && *version == 0 && *tables == 0;
  if (*application != kApplication && !is_new) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is a database of another program than lossd"));
  }
  if (*version > kSchemaVersion) {
    return absl::FailedPreconditionError(absl::StrCat(path, " has version ", *version,
                                                      " of the tables of runs, expected at most ",
                                                      kSchemaVersion, ": a newer lossd wrote it"));
  }
  return absl::OkStatus();
}

absl::Status MigrateSchema(Database& database) {
  const auto version = database.ReadNumber("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version == kSchemaVersion) return absl::OkStatus();
  auto transaction = Transaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  for (int64_t i = *version; i < kSchemaVersion; ++i) {
    absl::Status migrated = database.Run(kMigrations[i]);
    if (!migrated.ok()) return migrated;
  }
  absl::Status marked = database.Run(absl::StrCat("PRAGMA application_id = ", kApplication,
                                                  "; PRAGMA user_version = ", kSchemaVersion));
  if (!marked.ok()) return marked;
  return transaction->Commit();
}

}  // namespace lossd::runs
