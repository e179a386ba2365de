#ifndef LOSSD_SERVER_AUTH_FILE_STAMP_H_
#define LOSSD_SERVER_AUTH_FILE_STAMP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>

#include "absl/status/statusor.h"

namespace lossd::auth {

// What tells one state of a file from the next without reading it. A link stands for what it leads
// to, so that a link that is put in another's place is seen, too, as Kubernetes changes its
// secrets.
struct FileStamp {
  uint64_t device = 0;
  uint64_t number = 0;
  int64_t size = -1;  // -1: there is none
  int64_t written_ns = 0;
  int64_t changed_ns = 0;  // by anybody, and not to be set back

  friend bool operator==(const FileStamp& a, const FileStamp& b) { return a.Tie() == b.Tie(); }
  friend bool operator!=(const FileStamp& a, const FileStamp& b) { return !(a == b); }

 private:
  std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t> Tie() const {
    return {device, number, size, written_ns, changed_ns};
  }
};

// Returns the stamp of a file as it is now.
FileStamp StampOf(const std::string& path);

// Returns the bytes of a file of up to `most` bytes, or an error that names it and says why not.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t most);

}  // namespace lossd::auth

#endif  // LOSSD_SERVER_AUTH_FILE_STAMP_H_
