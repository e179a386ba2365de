#include "server/auth/tokens.h"

#include <algorithm>
#include <utility>

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
  std::shared_ptr<const Entries> entries;
  {
    const MutexLock lock(&mutex_);
    entries = entries_;
  }
  std::shared_ptr<const rpc::Caller> found;
  for (const Entry& entry : *entries) {
    if (AreSame(entry.digest, *digest)) found = entry.caller;
  }
  return found;
}

absl::Status Tokens::Reload() {
  // What is read earlier is not to be taken later.
  const MutexLock one_at_a_time(&reload_mutex_);
  const FileStamp stamp = StampOf(path_);
  const auto lines = ReadLines(path_);
  const MutexLock lock(&mutex_);
  read_ = seen_ = stamp;
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
  return Reload();
}

std::vector<std::string> Tokens::names() const {
  const MutexLock lock(&mutex_);
  return names_;
}

size_t Tokens::count() const {
  const MutexLock lock(&mutex_);
  return entries_->size();
}

void Tokens::Take(const std::vector<TokenLine>& lines) {
  const auto entries = std::make_shared<Entries>();
  for (const TokenLine& line : lines) entries->push_back(MakeEntry(line));
  for (const Entry& before : *entries_) {
    const bool stays = std::any_of(entries->begin(), entries->end(), [&](const Entry& entry) {
      return entry.caller == before.caller;
    });
    if (!stays) before.caller->revoked = true;
  }
  entries_ = entries;
}

Tokens::Entry Tokens::MakeEntry(const TokenLine& line) {
  for (const Entry& before : *entries_) {
    if (before.caller->name != line.name || !AreSame(before.digest, line.digest)) continue;
    before.caller->is_admin = line.is_admin;
    return before;
  }
  Entry entry = {line.digest, std::make_shared<rpc::Caller>(line.name, NumberOf(line.name))};
  entry.caller->is_admin = line.is_admin;
  return entry;
}

uint64_t Tokens::NumberOf(const std::string& name) {
  const auto [found, is_new] = numbers_.try_emplace(name, names_.size() + 1);
  if (is_new) names_.push_back(name);
  return found->second;
}

}  // namespace lossd::auth
