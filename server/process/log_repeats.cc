#include "server/process/log_repeats.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace lossd {
namespace {

// Kinds beyond these are one for each level, so that no number of warnings hides the first error.
constexpr size_t kMaxKinds = 256;

std::string OverflowKind(LogLevel level) { return std::string(1, static_cast<char>(level)); }

LogEntry Sum(LogEntry last, int64_t count) {
  last.fields.emplace(last.fields.begin(), "more", count);
  return last;
}

}  // namespace

bool LogRepeats::IsFirst(absl::string_view kind, const LogEntry& entry, Moment now) {
  auto found = kinds_.find(kind);
  if (found == kinds_.end()) {
    const bool fits = kinds_.size() < kMaxKinds;
    bool is_new = false;
    std::tie(found, is_new) =
        kinds_.try_emplace(fits ? std::string(kind) : OverflowKind(entry.level));
    if (is_new) {
      found->second.due = now + kInterval;
      next_due_ = std::min(next_due_, found->second.due);
      return true;
    }
  }
  ++found->second.count;
  found->second.last = entry;
  return false;
}

std::vector<LogEntry> LogRepeats::TakeDue(Moment now) {
  std::vector<LogEntry> sums;
  if (now < next_due_) return sums;
  next_due_ = Moment::max();
  for (auto each = kinds_.begin(); each != kinds_.end();) {
    Kind& kind = each->second;
    if (kind.due <= now) {
      if (kind.count == 0) {
        kinds_.erase(each++);
        continue;
      }
      sums.push_back(Sum(std::move(kind.last), std::exchange(kind.count, 0)));
      kind.due = now + kInterval;
    }
    next_due_ = std::min(next_due_, kind.due);
    ++each;
  }
  return sums;
}

std::vector<LogEntry> LogRepeats::TakeAll() {
  std::vector<LogEntry> sums;
  for (auto& [key, kind] : kinds_) {
    if (kind.count > 0) sums.push_back(Sum(std::move(kind.last), kind.count));
  }
  kinds_.clear();
  next_due_ = Moment::max();
  return sums;
}

}  // namespace lossd
