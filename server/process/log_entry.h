#ifndef LOSSD_SERVER_PROCESS_LOG_ENTRY_H_
#define LOSSD_SERVER_PROCESS_LOG_ENTRY_H_

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace lossd {

// From the least urgent to the most.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

// The value of a field of an entry: a text, or a whole number, which JSON has without quotes.
class LogValue {
 public:
  // NOLINTBEGIN(google-explicit-constructor): fields are lists of names and values.
  LogValue(std::string text) : text_(std::move(text)) {}
  LogValue(absl::string_view text) : text_(text) {}
  LogValue(const char* text) : text_(text) {}
  template <typename Integer, typename = std::enable_if_t<std::is_integral_v<Integer>>>
  LogValue(Integer number) : text_(std::to_string(number)), is_number_(true) {}
  // NOLINTEND(google-explicit-constructor)

  const std::string& text() const { return text_; }
  bool is_number() const { return is_number_; }

 private:
  std::string text_;
  bool is_number_ = false;
};

// The names and values that an entry has beside its message. The names are literals.
using LogFields = std::vector<std::pair<absl::string_view, LogValue>>;

// An entry before it is a line.
struct LogEntry {
  LogLevel level = LogLevel::kInfo;
  std::string message;
  LogFields fields;
};

// Returns the line of an entry without its time and level: `message field="value" number=1` as
// text, `"message":"...","field":"value","number":1` as JSON. A message or value of more than a
// kilobyte is cut.
std::string LogText(absl::string_view message, const LogFields& fields);
std::string LogJson(absl::string_view message, const LogFields& fields);

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_LOG_ENTRY_H_
