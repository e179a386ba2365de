#include "server/memory/memory_return.h"

#include <unistd.h>

#include <fstream>
#include <utility>

namespace lossd {
namespace {

constexpr std::chrono::seconds kBetweenReturns{1};

}  // namespace

MemoryReturn::MemoryReturn(Options options)
    : options_(std::move(options)), at_first_(options_.resident()) {}

void MemoryReturn::Observe(const Requests& requests, Time now) {
  if (requests.now > 0 || requests.ever != seen_) {
    seen_ = requests.ever;
    last_request_ = now;
    kept_ = true;
  }
  if (!kept_ || now - last_return_ < kBetweenReturns) return;
  const bool quiet = now - last_request_ >= kQuiet;
  const std::optional<int64_t> resident = options_.resident();
  const int64_t bytes = resident.value_or(0) - at_first_.value_or(0);
  // An eighth is for what is not counted: the ends of pages, and the calls themselves.
  const int64_t most = quiet ? kKeptBytes : options_.most_bytes + options_.most_bytes / 8;
  if (bytes > most || (quiet && !resident)) GiveBack(now);
  if (quiet) kept_ = false;
}

void MemoryReturn::GiveBack(Time now) {
  options_.give_back();
  last_return_ = now;
}

std::optional<int64_t> ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t size = 0;
  int64_t resident = 0;
  if (!(file >> size >> resident)) return std::nullopt;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace lossd
