#include "server/process/log_entry.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lossd {
namespace {

// Of a message and of a value. What is longer is most likely a client's, which sends it again.
constexpr size_t kMaxBytes = 1 << 10;

bool ContinuesCharacter(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Returns the length of the UTF-8 character at the start of `text`; 0 when there is none. (RFC
// 3629, section 4.)
size_t CharacterLength(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  if (!std::all_of(text.begin() + 1, text.begin() + length, ContinuesCharacter)) return 0;
  // The second byte tells overlong forms, surrogates and numbers past the last character.
  const auto second = static_cast<unsigned char>(text[1]);
  if (lead == 0xE0 && second < 0xA0) return 0;
  if (lead == 0xED && second > 0x9F) return 0;
  if (lead == 0xF0 && second < 0x90) return 0;
  if (lead == 0xF4 && second > 0x8F) return 0;
  return length;
}

// Returns as much of `text` as a line holds, whole characters of it.
absl::string_view Cut(absl::string_view text) {
  if (text.size() <= kMaxBytes) return text;
  size_t length = kMaxBytes;
  while (length > kMaxBytes - 3 && ContinuesCharacter(text[length])) --length;
  return text.substr(0, length);
}

absl::string_view EndOf(absl::string_view text) { return text.size() > kMaxBytes ? "…" : ""; }

std::string JsonString(absl::string_view whole) {
  std::string json = "\"";
  absl::string_view text = Cut(whole);
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    size_t length = CharacterLength(text);
    if (length == 0) {  // JSON cannot hold the byte, so its number is shown.
      absl::StrAppendFormat(&json, "\\\\x%02x", byte);
      length = 1;
    } else if (byte < 0x20 || byte == 0x7F) {
      absl::StrAppendFormat(&json, "\\u%04x", byte);
    } else {
      if (byte == '"' || byte == '\\') json += '\\';
      absl::StrAppend(&json, text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  absl::StrAppend(&json, EndOf(whole), "\"");
  return json;
}

std::string ValueText(const LogValue& value) {
  return value.is_number() ? value.text() : JsonString(value.text());
}

}  // namespace

std::string LogText(absl::string_view message, const LogFields& fields) {
  std::string line = absl::StrCat(absl::Utf8SafeCEscape(Cut(message)), EndOf(message));
  for (const auto& [name, value] : fields) absl::StrAppend(&line, " ", name, "=", ValueText(value));
  return line;
}

std::string LogJson(absl::string_view message, const LogFields& fields) {
  std::string line = absl::StrCat("\"message\":", JsonString(message));
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, ",", JsonString(name), ":", ValueText(value));
  }
  return line;
}

}  // namespace lossd
