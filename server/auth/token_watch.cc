#include "server/auth/token_watch.h"

#include <chrono>
#include <optional>

#include "absl/strings/str_split.h"

namespace lossd::auth {
namespace {

constexpr std::chrono::seconds kInterval{1};

}  // namespace

TokenWatch::TokenWatch(Tokens& tokens, const Log* log)
    : tokens_(tokens), log_(log), ticker_(kInterval, [this] { Look(); }) {}

void TokenWatch::Look() {
  const std::optional<absl::Status> reloaded = tokens_.ReloadIfChanged();
  if (!reloaded || log_ == nullptr) return;
  if (reloaded->ok()) {
    log_->Write(LogLevel::kInfo, "the tokens were read again", {{"tokens", tokens_.count()}});
    return;
  }
  for (const absl::string_view fault : absl::StrSplit(reloaded->message(), '\n')) {
    log_->Write(LogLevel::kError, "the tokens cannot be read again and stay", {{"error", fault}});
  }
}

}  // namespace lossd::auth
