#include "server/auth/token_filter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/rpc/errors/status.h"

namespace lossd::auth {
namespace {

// The texts quote nothing of what came: it may be somebody's secret.

absl::Status MissingToken() {
  return rpc::WithErrorInfo(
      absl::UnauthenticatedError(
          "the call has no token, expected the metadata 'authorization: Bearer TOKEN'"),
      "MISSING_TOKEN");
}

absl::Status WrongScheme() {
  return rpc::WithErrorInfo(
      absl::UnauthenticatedError("the metadata 'authorization' has another scheme than Bearer, "
                                 "expected 'authorization: Bearer TOKEN'"),
      "WRONG_TOKEN_SCHEME");
}

// What stands between the client and this may have looked at another one than the first.
absl::Status SeveralTokens() {
  return absl::UnauthenticatedError(
      "the call has several metadata 'authorization', expected one 'authorization: Bearer TOKEN'");
}

absl::Status UnknownToken() {
  return rpc::WithErrorInfo(absl::UnauthenticatedError("the token is none that this server knows"),
                            "UNKNOWN_TOKEN");
}

// Returns the token of a header; nullopt if that has another scheme. (A scheme's letters may be of
// either case.)
std::optional<absl::string_view> TokenOf(absl::string_view header) {
  constexpr absl::string_view kScheme = "Bearer";
  header = absl::StripAsciiWhitespace(header);
  const absl::string_view rest = header.substr(std::min(kScheme.size(), header.size()));
  if (!absl::StartsWithIgnoreCase(header, kScheme)) return std::nullopt;
  if (!rest.empty() && rest[0] != ' ') return std::nullopt;
  return absl::StripLeadingAsciiWhitespace(rest);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const rpc::Caller>> TokenFilter::Identify(
    const rpc::CallInfo& call) {
  const std::optional<absl::string_view> header = call.Metadata("authorization");
  if (!header) return MissingToken();
  if (call.MetadataCount("authorization") > 1) return SeveralTokens();
  const std::optional<absl::string_view> token = TokenOf(*header);
  if (!token) return WrongScheme();
  if (token->empty()) return MissingToken();
  auto caller = tokens_.Find(*token);
  if (caller.ok() && *caller == nullptr) return UnknownToken();
  return caller;
}

absl::Status TokenFilter::MessageArrived(const rpc::CallInfo& call) {
  return call.caller()->revoked ? UnknownToken() : absl::OkStatus();
}

}  // namespace lossd::auth
