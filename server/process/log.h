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

// Names and values of what an entry is about, beside its message.
using LogFields = std::vector<std::pair<absl::string_view, std::string>>;

// Writes one line an entry to stderr, whatever is in it: line breaks and bytes that are no UTF-8
// are escaped. Thread-safe.
class Log {
 public:
  explicit Log(LogFormat format);

  void Write(LogLevel level, absl::string_view message, const LogFields& fields = {}) const;

  // From here on gRPC's own errors are entries of this log too, so that stderr has one format.
  // For the whole process; the last one called stays.
  void TakeGrpcErrors() const;

 private:
  LogFormat format_;
  std::shared_ptr<spdlog::logger> logger_;
};

// The line that an entry makes in each format, without time and level: `message field=value` and
// `"message":"...","field":"value"`.
std::string LogText(absl::string_view message, const LogFields& fields);
std::string LogJson(absl::string_view message, const LogFields& fields);

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_LOG_H_
