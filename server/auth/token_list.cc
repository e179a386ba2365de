#include "server/auth/token_list.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace lossd::auth {
namespace {

// Further faults are counted.
constexpr size_t kMostFaults = 20;

bool IsOfAName(unsigned char c) {
  return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
}

// The faults of a text, each with its line.
class Faults {
 public:
  explicit Faults(absl::string_view path) : path_(path) {}

  void Add(size_t line, absl::string_view fault) {
    if (++count_ > kMostFaults) return;
    faults_.push_back(absl::StrCat(path_, ":", line, ": ", fault));
  }
  void AddOfAll(absl::string_view fault) {
    ++count_;
    faults_.push_back(absl::StrCat(path_, ": ", fault));
  }

  absl::Status status() const {
    if (count_ == 0) return absl::OkStatus();
    std::string text = absl::StrJoin(faults_, "\n");
    if (count_ > faults_.size()) {
      absl::StrAppend(&text, "\n", path_, ": and ", count_ - faults_.size(), " faults more");
    }
    return absl::InvalidArgumentError(text);
  }

 private:
  const absl::string_view path_;
  std::vector<std::string> faults_;
  size_t count_ = 0;
};

bool ReadName(absl::string_view word, size_t line, TokenLine& token, Faults& faults) {
  if (word.size() > kLongestTokenName) {
    faults.Add(line, absl::StrCat("the name has ", word.size(), " characters, expected ",
                                  kLongestTokenName, " at most"));
    return false;
  }
  if (!std::all_of(word.begin(), word.end(), IsOfAName)) {
    faults.Add(line, "the name has other characters than letters, digits, '.', '_' and '-'");
    return false;
  }
  token.name = std::string(word);
  return true;
}

bool ReadDigest(absl::string_view word, size_t line, TokenLine& token, Faults& faults) {
  constexpr absl::string_view kExpected =
      ", expected 64 hexadecimal digits: the SHA-256 of the token";
  if (word.size() != 2 * token.digest.size()) {
    faults.Add(line, absl::StrCat("the second word has ", word.size(), " characters", kExpected));
    return false;
  }
  if (!std::all_of(word.begin(), word.end(), absl::ascii_isxdigit)) {
    faults.Add(line, absl::StrCat("the second word has other characters", kExpected));
    return false;
  }
  const std::string bytes = absl::HexStringToBytes(word);
  std::copy(bytes.begin(), bytes.end(), token.digest.begin());
  return true;
}

bool ReadToken(const std::vector<absl::string_view>& words, size_t line, TokenLine& token,
               Faults& faults) {
  if (words.size() < 2 || words.size() > 3) {
    faults.Add(line, absl::StrCat("has ", words.size(), words.size() == 1 ? " word" : " words",
                                  ", expected a name, a SHA-256, and perhaps the word admin"));
    return false;
  }
  const bool has_name = ReadName(words[0], line, token, faults);
  const bool has_digest = ReadDigest(words[1], line, token, faults);
  token.is_admin = words.size() == 3;
  if (token.is_admin && words[2] != "admin") {
    faults.Add(line, "the third word is not admin, the only one that may be there");
    return false;
  }
  return has_name && has_digest;
}

}  // namespace

absl::StatusOr<std::vector<TokenLine>> ParseTokens(absl::string_view text, absl::string_view path) {
  std::vector<TokenLine> tokens;
  std::map<Digest, size_t> lines;  // of each token
  Faults faults(path);
  size_t line = 0;
  for (absl::string_view one : absl::StrSplit(text, '\n')) {
    ++line;
    const std::vector<absl::string_view> words =
        absl::StrSplit(one, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty() || absl::StartsWith(words[0], "#")) continue;
    TokenLine token;
    if (!ReadToken(words, line, token, faults)) continue;
    const auto [first, is_new] = lines.try_emplace(token.digest, line);
    if (!is_new) faults.Add(line, absl::StrCat("has the token of line ", first->second));
    tokens.push_back(std::move(token));
  }
  if (tokens.size() > kMostTokens) {
    faults.AddOfAll(
        absl::StrCat("has ", tokens.size(), " tokens, expected ", kMostTokens, " at most"));
  }
  // As while it is written, or when its volume is gone. Nobody could call any more.
  if (faults.status().ok() && tokens.empty()) {
    faults.AddOfAll("has no token, expected one at least");
  }
  absl::Status status = faults.status();
  if (!status.ok()) return status;
  return tokens;
}

}  // namespace lossd::auth
