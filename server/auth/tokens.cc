#include "server/auth/tokens.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lossd::auth {
namespace {

// Many times what as many tokens as there may be take.
constexpr size_t kMostBytes = 1 << 20;

absl::StatusOr<std::vector<TokenLine>> ReadLines(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMostBytes);
  if (!text.ok()) return text.status();
  return ParseTokens(*text, path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokens>> Tokens::Read(std::string path) {
  std::unique_ptr<Tokens> tokens(new Tokens(std::move(path)));  // The constructor is private.
  absl::Status read = tokens->Reload();
  if (!read.ok()) return read;
  return tokens;
}

absl::StatusOr<std::shared_ptr<const rpc::Caller>> Tokens::Find(absl::string_view token) const {
  const absl::StatusOr<Digest> digest = Sha256(token);
  if (!digest.ok()) return digest.status();
  const std::shared_ptr<const Entries> all = entries();
  std::shared_ptr<const rpc::Caller> found;
  for (const Entry& entry : *all) {
    if (AreSame(entry.digest, *digest)) found = entry.caller;
  }
  return found;
}

absl::Status Tokens::Reload() {
  // What is read earlier is not to be taken later.
  const MutexLock one_at_a_time(&reload_mutex_);
  const FileStamp stamp = StampOf(path_);
  const auto lines = ReadLines(path_);
  // A part of a file that is being written may be without faults.
  if (StampOf(path_) != stamp) {
    return absl::AbortedError(absl::StrCat("'", path_, "' changed while it was read"));
  }
  NoteRead(stamp);
  if (!lines.ok()) return lines.status();
  Take(*lines);
  return absl::OkStatus();
}

std::optional<absl::Status> Tokens::ReloadIfChanged() {
  const FileStamp now = StampOf(path_);
  {
    const MutexLock lock(&mutex_);
    const bool is_still = now == std::exchange(seen_, now);
    if (now == read_ || !is_still) return std::nullopt;
  }
  absl::Status reloaded = Reload();
  if (absl::IsAborted(reloaded)) return std::nullopt;
  return reloaded;
}

std::vector<std::string> Tokens::names() const {
  const MutexLock lock(&mutex_);
  return names_;
}

size_t Tokens::count() const { return entries()->size(); }

std::shared_ptr<const Tokens::Entries> Tokens::entries() const {
  const MutexLock lock(&mutex_);
  return entries_;
}

void Tokens::NoteRead(const FileStamp& stamp) {
  const MutexLock lock(&mutex_);
  read_ = seen_ = stamp;
}

void Tokens::Take(const std::vector<TokenLine>& lines) {
  CallersByDigest before;
  for (const Entry& entry : *entries()) before.emplace(entry.digest, entry.caller);
  const auto taken = std::make_shared<Entries>();
  std::vector<std::string> new_names;
  for (const TokenLine& line : lines) {
    taken->push_back({line.digest, CallerOf(line, before, new_names)});
  }
  {
    const MutexLock lock(&mutex_);
    names_.insert(names_.end(), new_names.begin(), new_names.end());
    entries_ = taken;
  }
  for (const auto& [digest, caller] : before) caller->revoked = true;
}

std::shared_ptr<rpc::Caller> Tokens::CallerOf(const TokenLine& line, CallersByDigest& before,
                                              std::vector<std::string>& new_names) {
  std::shared_ptr<rpc::Caller> caller;
  const auto found = before.find(line.digest);
  if (found != before.end() && found->second->name == line.name) {
    caller = std::move(found->second);
    before.erase(found);
  } else {
    const auto [number, is_new] = numbers_.try_emplace(line.name, numbers_.size() + 1);
    if (is_new) new_names.push_back(line.name);
    caller = std::make_shared<rpc::Caller>(line.name, number->second);
  }
  caller->is_admin = line.is_admin;
  return caller;
}

}  // namespace lossd::auth
