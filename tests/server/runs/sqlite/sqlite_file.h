#ifndef LOSSD_TESTS_SERVER_RUNS_SQLITE_SQLITE_FILE_H_
#define LOSSD_TESTS_SERVER_RUNS_SQLITE_SQLITE_FILE_H_

#include <string>

namespace lossd::runs {

// The name of a file that is not there, in a folder of its own, which goes with it.
class SqliteFile {
 public:
  SqliteFile();
  ~SqliteFile();
  SqliteFile(const SqliteFile&) = delete;
  SqliteFile& operator=(const SqliteFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string folder_;
  std::string path_;
};

}  // namespace lossd::runs

#endif  // LOSSD_TESTS_SERVER_RUNS_SQLITE_SQLITE_FILE_H_
