#include "server/runs/redis/redis_address.h"

#include <cstddef>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace lossd::runs {
namespace {

constexpr absl::string_view kScheme = "redis://";

std::optional<std::string> Unescape(absl::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    constexpr size_t kDigits = 2;
    const absl::string_view digits = text.substr(i + 1, kDigits);
    if (digits.size() < kDigits || !absl::ascii_isxdigit(static_cast<unsigned char>(digits[0])) ||
        !absl::ascii_isxdigit(static_cast<unsigned char>(digits[1]))) {
      return std::nullopt;
    }
    bytes += absl::HexStringToBytes(digits);
    i += kDigits;
  }
  return bytes;
}

// Reads user:password.
bool ReadUser(absl::string_view text, RedisAddress& address) {
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos) return false;
  const auto user = Unescape(text.substr(0, colon));
  const auto password = Unescape(text.substr(colon + 1));
  if (!user || !password) return false;
  address.user = *user;
  address.password = *password;
  return true;
}

bool ReadNumber(absl::string_view text, int least, int most, int& number) {
  return absl::SimpleAtoi(text, &number) && number >= least && number <= most;
}

// Reads host[:port].
bool ReadHost(absl::string_view text, RedisAddress& address) {
  absl::string_view port;
  if (absl::ConsumePrefix(&text, "[")) {
    const size_t end = text.find(']');
    if (end == absl::string_view::npos) return false;
    port = text.substr(end + 1);
    text = text.substr(0, end);
    if (!port.empty() && !absl::ConsumePrefix(&port, ":")) return false;
  } else if (const size_t colon = text.find(':'); colon != absl::string_view::npos) {
    port = text.substr(colon + 1);
    text = text.substr(0, colon);
    if (port.empty()) return false;
  }
  address.host = std::string(text);
  constexpr int kMostPort = 65535;
  return !text.empty() && (port.empty() || ReadNumber(port, 1, kMostPort, address.port));
}

}  // namespace

absl::StatusOr<RedisAddress> ParseRedisAddress(absl::string_view url) {
  // Not the text: it may have a password.
  const absl::Status wrong =
      absl::InvalidArgumentError("expected redis://[[user]:password@]host[:port][/database]");
  absl::string_view rest = url;
  if (!absl::ConsumePrefix(&rest, kScheme)) return wrong;
  RedisAddress address;
  if (const size_t at = rest.rfind('@'); at != absl::string_view::npos) {
    if (!ReadUser(rest.substr(0, at), address)) return wrong;
    rest.remove_prefix(at + 1);
  }
  if (const size_t slash = rest.find('/'); slash != absl::string_view::npos) {
    constexpr int kMostDatabase = 1'000'000;
    const absl::string_view database = rest.substr(slash + 1);
    if (!database.empty() && !ReadNumber(database, 0, kMostDatabase, address.database)) {
      return wrong;
    }
    rest = rest.substr(0, slash);
  }
  if (!ReadHost(rest, address)) return wrong;
  return address;
}

}  // namespace lossd::runs
