#ifndef LOSSD_SERVER_RUNS_SQLITE_WAL_CHECKPOINTS_H_
#define LOSSD_SERVER_RUNS_SQLITE_WAL_CHECKPOINTS_H_

#include <sqlite3.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/runs/sqlite/database.h"
#include "server/threads/ticker.h"

namespace lossd::runs {

// Moves what was written from the write-ahead log to the database, on a thread of its own, so that
// no writer waits for that, but for a short time where the log has become very long.
class WalCheckpoints {
 public:
  // `writer` has the file of `path` open, writes no checkpoints from then on, and must outlive
  // this.
  static absl::StatusOr<std::unique_ptr<WalCheckpoints>> Start(Database& writer,
                                                               const std::string& path);
  ~WalCheckpoints();

 private:
  WalCheckpoints(Database own, Database& writer, int page_bytes);
  static int NotePages(void* self, sqlite3* database, const char* name, int pages);
  void Tick();

  Database own_;
  Database& writer_;
  const int most_pages_;
  std::atomic<int> pages_ = 0;  // of the log
  int moved_ = 0;               // pages of the log as it was when all of it was moved last
  std::unique_ptr<Ticker> ticker_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_WAL_CHECKPOINTS_H_
