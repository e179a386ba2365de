#ifndef LOSSD_SERVER_RUNS_SQLITE_SQLITE_ERROR_H_
#define LOSSD_SERVER_RUNS_SQLITE_SQLITE_ERROR_H_

#include <sqlite3.h>

#include "absl/status/status.h"

namespace lossd::runs {

// Returns what the last call of `database` that failed with `code` says: DATA_LOSS where the file
// is damaged or no database, else UNAVAILABLE.
absl::Status SqliteError(sqlite3* database, int code);

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_SQLITE_ERROR_H_
