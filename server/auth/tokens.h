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
  // or changes while it is read, which is ABORTED, all stays as it was.
  absl::Status Reload() ABSL_LOCKS_EXCLUDED(mutex_);

  // Does that if the file is another since it was last read, and has been the same for two of these
  // looks, for it may still be written. Returns nullopt if it is as it was, and where the next look
  // is to read it. Of one thread.
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
  using CallersByDigest = absl::flat_hash_map<Digest, std::shared_ptr<rpc::Caller>>;

  explicit Tokens(std::string path) : path_(std::move(path)) {}
  std::shared_ptr<const Entries> entries() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes that the file is read in this state.
  void NoteRead(const FileStamp& stamp) ABSL_LOCKS_EXCLUDED(mutex_);
  void Take(const std::vector<TokenLine>& lines) ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns the caller of a line: who there is with its token and its name, and takes that one out
  // of `before`, or a new one. Adds the name to `new_names` if no line had it yet.
  std::shared_ptr<rpc::Caller> CallerOf(const TokenLine& line, CallersByDigest& before,
                                        std::vector<std::string>& new_names)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(reload_mutex_);

  const std::string path_;
  // Held while a file is read and made entries of. Calls wait for the other one alone.
  Mutex reload_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  absl::flat_hash_map<std::string, uint64_t> numbers_ ABSL_GUARDED_BY(reload_mutex_);
  mutable Mutex mutex_;
  std::shared_ptr<const Entries> entries_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Entries>();
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
  FileStamp read_ ABSL_GUARDED_BY(mutex_);  // of what was read last
  FileStamp seen_ ABSL_GUARDED_BY(mutex_);  // at the last look
};

}  // namespace lossd::auth

#endif  // LOSSD_SERVER_AUTH_TOKENS_H_
