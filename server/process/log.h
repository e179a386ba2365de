#ifndef LOSSD_SERVER_PROCESS_LOG_H_
#define LOSSD_SERVER_PROCESS_LOG_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace spdlog {
class logger;
}  // namespace spdlog

namespace lossd {

enum class LogFormat {
  kText,
  kJson,  // one object a line: time, level, message and the entry's fields
};

enum class LogLevel { kInfo, kWarning, kError };

// The names and values that an entry has beside its message.
using LogFields = std::vector<std::pair<absl::string_view, std::string>>;

// Writes each entry to stderr as one line: line breaks in it, and bytes that are no UTF-8, are
// escaped. Thread-safe.
class Log {
 public:
  explicit Log(LogFormat format);

  void Write(LogLevel level, absl::string_view message, const LogFields& fields = {}) const;

 private:
  LogFormat format_;
  std::shared_ptr<spdlog::logger> logger_;
};

// Returns the line of an entry without its time and level: `message field=value` as text,
// `"message":"...","field":"value"` as JSON.
std::string LogText(absl::string_view message, const LogFields& fields);
std::string LogJson(absl::string_view message, const LogFields& fields);

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_LOG_H_
