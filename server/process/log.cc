#include "server/process/log.h"

#include <unistd.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "server/process/log_repeats.h"
#include "server/threads/mutex.h"
#include "spdlog/details/log_msg.h"
#include "spdlog/pattern_formatter.h"

namespace lossd {
namespace {

constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
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

// Makes entries lines, and sums them up.
class Log::Lines final : public LineSource {
 public:
  explicit Lines(LogFormat format)
      : format_(format),
        formatter_(format == LogFormat::kJson ? kJsonPattern : kTextPattern,
                   spdlog::pattern_time_type::utc) {}

  std::string Line(const LogEntry& entry) ABSL_LOCKS_EXCLUDED(mutex_) {
    const std::string text = format_ == LogFormat::kJson ? LogJson(entry.message, entry.fields)
                                                         : LogText(entry.message, entry.fields);
    const spdlog::details::log_msg message("lossd", SpdlogLevel(entry.level), text);
    spdlog::memory_buf_t line;
    const MutexLock lock(&mutex_);  // The formatter keeps the last second's text.
    formatter_.format(message, line);
    return {line.data(), line.size()};
  }

  // Returns true if the entry is to be written now; it becomes part of a sum if not.
  bool IsFirst(absl::string_view kind, const LogEntry& entry) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    return repeats_.IsFirst(
        absl::StrCat(static_cast<int>(entry.level), " ", entry.message, " ", kind), entry, Now());
  }

  std::vector<std::string> TakeSums() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::vector<LogEntry> sums;
    {
      const MutexLock lock(&mutex_);
      sums = repeats_.TakeAll();
    }
    return LinesOf(sums);
  }

  std::string Dropped(int64_t count) override {
    return Line(
        {LogLevel::kWarning,
         absl::StrCat(count, " entries were dropped: nobody read them, or the disk was full"),
         {{"dropped", count}}});
  }

  Due TakeDue() override {
    std::vector<LogEntry> sums;
    Due due;
    {
      const MutexLock lock(&mutex_);
      const LogRepeats::Moment now = Now();
      sums = repeats_.TakeDue(now);
      const LogRepeats::Moment next = repeats_.next_due();
      due.until_next = next == LogRepeats::Moment::max() ? absl::InfiniteDuration()
                                                         : absl::FromChrono(next - now);
    }
    due.lines = LinesOf(sums);
    return due;
  }

 private:
  static LogRepeats::Moment Now() { return std::chrono::steady_clock::now(); }

  std::vector<std::string> LinesOf(const std::vector<LogEntry>& entries) {
    std::vector<std::string> lines;
    for (const LogEntry& entry : entries) lines.push_back(Line(entry));
    return lines;
  }

  const LogFormat format_;
  Mutex mutex_;
  spdlog::pattern_formatter formatter_ ABSL_GUARDED_BY(mutex_);
  LogRepeats repeats_ ABSL_GUARDED_BY(mutex_);
};

Log::Log(LogFormat format, LogLevel least)
    : least_(least),
      lines_(std::make_shared<Lines>(format)),
      writer_(std::make_unique<LineWriter>(STDERR_FILENO, lines_)) {}

Log::~Log() {
  for (std::string& sum : lines_->TakeSums()) writer_->Write(std::move(sum));
}

void Log::Write(LogLevel level, absl::string_view message, LogFields fields) const {
  if (!Writes(level)) return;
  writer_->Write(lines_->Line({level, std::string(message), std::move(fields)}));
}

void Log::WriteRepeated(absl::string_view kind, LogLevel level, absl::string_view message,
                        LogFields fields) const {
  if (!Writes(level)) return;
  const LogEntry entry = {level, std::string(message), std::move(fields)};
  if (lines_->IsFirst(kind, entry)) writer_->Write(lines_->Line(entry));
}

}  // namespace lossd
