#include "server/auth/file_stamp.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <ios>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace lossd::auth {
namespace {

int64_t Nanoseconds(const timespec& time) {
  constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
  return int64_t{time.tv_sec} * kNanosecondsPerSecond + time.tv_nsec;
}

}  // namespace

FileStamp StampOf(const std::string& path) {
  struct stat status = {};
  FileStamp stamp;
  if (stat(path.c_str(), &status) != 0) return stamp;
  stamp.device = status.st_dev;
  stamp.number = status.st_ino;
  stamp.size = status.st_size;
  stamp.written_ns = Nanoseconds(status.st_mtim);
  stamp.changed_ns = Nanoseconds(status.st_ctim);
  return stamp;
}

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t most) {
  const auto failed = [&path](absl::string_view why) {
    return absl::FailedPreconditionError(absl::StrCat("'", path, "' cannot be read: ", why));
  };
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return failed(std::strerror(errno));
  std::string text(most + 1, '\0');
  errno = 0;
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return failed(std::strerror(errno));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > most) return failed(absl::StrCat("it has more than ", most, " bytes"));
  return text;
}

}  // namespace lossd::auth
