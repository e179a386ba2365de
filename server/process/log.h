#ifndef LOSSD_SERVER_PROCESS_LOG_H_
#define LOSSD_SERVER_PROCESS_LOG_H_

#include <atomic>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/process/line_writer.h"
#include "server/process/log_entry.h"

namespace lossd {

enum class LogFormat {
  kText,
  kJson,  // one object a line: time, level, message and the entry's fields
};

// Writes each entry to stderr as one line: line breaks in it, and bytes that are no UTF-8, are
// escaped. Whoever writes an entry never waits for who reads it: see LineWriter. Where entries were
// dropped, a line says how many. Thread-safe.
class Log {
 public:
  // Entries below `least` are not written.
  explicit Log(LogFormat format, LogLevel least = LogLevel::kInfo);
  // Writes the last entries, as long as LineWriter waits for them.
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void Write(LogLevel level, absl::string_view message, LogFields fields = {}) const;

  // Writes an entry of which a client can cause any number. Those of the same level, message and
  // `kind` are summed up, as LogRepeats does.
  void WriteRepeated(absl::string_view kind, LogLevel level, absl::string_view message,
                     LogFields fields) const;

  // Returns true if entries of `level` are written.
  bool Writes(LogLevel level) const { return level >= least_.load(std::memory_order_relaxed); }

  // Changes the least level that is written, from the next entry on.
  void SetLeast(LogLevel least) { least_.store(least, std::memory_order_relaxed); }

  // Returns how many entries were dropped so far.
  int64_t dropped() const { return writer_->dropped(); }

  // Returns true once all entries up to here are written; false after `at_most`.
  bool Flush(absl::Duration at_most) const { return writer_->Flush(at_most); }

 private:
  class Lines;

  std::atomic<LogLevel> least_;
  const std::shared_ptr<Lines> lines_;
  const std::unique_ptr<LineWriter> writer_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_LOG_H_
