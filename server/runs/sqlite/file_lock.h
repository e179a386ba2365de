#ifndef LOSSD_SERVER_RUNS_SQLITE_FILE_LOCK_H_
#define LOSSD_SERVER_RUNS_SQLITE_FILE_LOCK_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace lossd::runs {

// Keeps other processes from locking a file; nobody is kept from reading it. SQLite's own locks are
// of another kind.
class FileLock {
 public:
  // Makes the file if it is not there. FAILED_PRECONDITION where another process has it.
  static absl::StatusOr<FileLock> Take(const std::string& path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_FILE_LOCK_H_
