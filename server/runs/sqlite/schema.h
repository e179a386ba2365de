#ifndef LOSSD_SERVER_RUNS_SQLITE_SCHEMA_H_
#define LOSSD_SERVER_RUNS_SQLITE_SCHEMA_H_

#include <string>

#include "absl/status/status.h"
#include "server/runs/sqlite/database.h"

namespace lossd::runs {

// The version of the tables, which grows when they change.
inline constexpr int kSchemaVersion = 1;

// Changes nothing. FAILED_PRECONDITION, with `path`, where the file is another program's, or of a
// newer version.
absl::Status CheckSchema(Database& database, const std::string& path);

// Makes the tables of a new file, and those of an older version anew as this one has them.
// CheckSchema() has found that the file may be changed.
absl::Status MigrateSchema(Database& database);

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_SCHEMA_H_
