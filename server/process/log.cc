#include "server/process/log.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "spdlog/logger.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace lossd {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";

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

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
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
  json += '"';
  return json;
}

std::shared_ptr<spdlog::logger> MakeLogger(LogFormat format) {
  const char* pattern = format == LogFormat::kJson ? kJsonPattern : kTextPattern;
  auto logger =
      std::make_shared<spdlog::logger>("lossd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  return logger;
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

Log::Log(LogFormat format) : format_(format), logger_(MakeLogger(format)) {}

void Log::Write(LogLevel level, absl::string_view message, const LogFields& fields) const {
  const std::string line =
      format_ == LogFormat::kJson ? LogJson(message, fields) : LogText(message, fields);
  // The line is an argument, not the format: there its braces would mean something.
  logger_->log(SpdlogLevel(level), "{}", line);
}

std::string LogText(absl::string_view message, const LogFields& fields) {
  std::string line = absl::Utf8SafeCEscape(message);
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, " ", name, "=", JsonString(value));
  }
  return line;
}

std::string LogJson(absl::string_view message, const LogFields& fields) {
  std::string line = absl::StrCat("\"message\":", JsonString(message));
  for (const auto& [name, value] : fields) {
    absl::StrAppend(&line, ",", JsonString(name), ":", JsonString(value));
  }
  return line;
}

}  // namespace lossd
