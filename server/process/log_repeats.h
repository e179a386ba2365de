#ifndef LOSSD_SERVER_PROCESS_LOG_REPEATS_H_
#define LOSSD_SERVER_PROCESS_LOG_REPEATS_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/process/log_entry.h"

namespace lossd {

// Sums up entries that are alike: the first of a kind is written at once. While more follow, they
// are counted, and every ten seconds the last of them stands for all, with their number in a field
// `more`. So the log stays readable, and small, whatever a client sends. Kinds beyond 256 are one
// for each level.
class LogRepeats {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kInterval = std::chrono::seconds(10);

  // Returns true if the entry is to be written now. Counts it if not.
  bool IsFirst(absl::string_view kind, const LogEntry& entry, Moment now);

  // Returns the sums that are due, and begins to count anew.
  std::vector<LogEntry> TakeDue(Moment now);
  // Returns the sums of all that was counted.
  std::vector<LogEntry> TakeAll();

  // Returns when the next sums are due; the end of time if nothing is counted.
  Moment next_due() const { return next_due_; }

 private:
  struct Kind {
    Moment due;
    int64_t count = 0;  // since the last line
    LogEntry last;
  };

  absl::flat_hash_map<std::string, Kind> kinds_;
  Moment next_due_ = Moment::max();
};

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_LOG_REPEATS_H_
