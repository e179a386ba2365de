#ifndef LOSSD_SERVER_AUTH_TOKENS_H_
#define LOSSD_SERVER_AUTH_TOKENS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/auth/file_stamp.h"
#include "server/auth/token_list.h"
#include "server/rpc/caller.h"
#include "server/threads/mutex.h"

namespace lossd::auth {

// The tokens of a file, which may change. Thread-safe.
class Tokens {
 public:
  // Reads the file. The error has a line for each fault, without anything secret.
  static absl::StatusOr<std::unique_ptr<Tokens>> Read(std::string path);

  // Returns whose token it is; null if it is nobody's. Takes the same time whichever it is, and
  // whether or not it is one.
  absl::StatusOr<std::shared_ptr<const rpc::Caller>> Find(absl::string_view token) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Reads the file again. Those whose token is no more in it are revoked. Where the file is wrong,
  // all stays as it was.
  absl::Status Reload() ABSL_LOCKS_EXCLUDED(mutex_);

  // Does that if the file is another since it was last read, and has been the same for two of these
  // looks, for it may still be written. Returns nullopt if it is as it was. Of one thread.
  std::optional<absl::Status> ReloadIfChanged() ABSL_LOCKS_EXCLUDED(mutex_);

  // Returns the names that were ever in the file; that of number n is at n − 1.
  std::vector<std::string> names() const ABSL_LOCKS_EXCLUDED(mutex_);
  size_t count() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    Digest digest;
    std::shared_ptr<rpc::Caller> caller;
  };
  using Entries = std::vector<Entry>;

  explicit Tokens(std::string path) : path_(std::move(path)) {}
  void Take(const std::vector<TokenLine>& lines) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns the entry of a line: the one that there is, if it is the same, with what else it says.
  Entry MakeEntry(const TokenLine& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t NumberOf(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  Mutex reload_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable Mutex mutex_;
  std::shared_ptr<const Entries> entries_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Entries>();
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, uint64_t> numbers_ ABSL_GUARDED_BY(mutex_);
  FileStamp read_ ABSL_GUARDED_BY(mutex_);  // of what was read last
  FileStamp seen_ ABSL_GUARDED_BY(mutex_);  // at the last look
};

}  // namespace lossd::auth

#endif  // LOSSD_SERVER_AUTH_TOKENS_H_
