#ifndef LOSSD_SERVER_AUTH_TOKEN_LIST_H_
#define LOSSD_SERVER_AUTH_TOKEN_LIST_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/auth/digest.h"

namespace lossd::auth {

// A line of a file of tokens.
struct TokenLine {
  std::string name;  // for logs and metrics; several lines may have the same
  Digest digest;     // of the token, which no other line has
  bool is_admin = false;
};

// All of them are compared with each call's token.
inline constexpr size_t kMostTokens = 1000;
inline constexpr size_t kLongestTokenName = 64;

// Reads the text of the file of tokens `path`. Each line is empty, a comment from `#` on, or
//
//   NAME SHA256 [admin]
//
// with blanks between: a name of letters, digits, `.`, `_` and `-`, and the SHA-256 of the token as
// 64 hexadecimal digits. The error has a line for each fault, which begins as `path:3: `, and
// quotes nothing of the file: what stands in the wrong place may be a secret.
absl::StatusOr<std::vector<TokenLine>> ParseTokens(absl::string_view text, absl::string_view path);

}  // namespace lossd::auth

#endif  // LOSSD_SERVER_AUTH_TOKEN_LIST_H_
