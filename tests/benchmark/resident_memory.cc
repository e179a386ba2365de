#include "tests/benchmark/resident_memory.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace lossd::benchmark {
namespace {

// Returns the bytes of a field of /proc/self/status, or 0.
int64_t StatusBytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != field) continue;
    int64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

}  // namespace

ResidentPeak::ResidentPeak() : before_(StatusBytes("VmRSS:")) {
  std::ofstream("/proc/self/clear_refs") << "5";
}

int64_t ResidentPeak::BytesAbove() const {
  return std::max<int64_t>(0, StatusBytes("VmHWM:") - before_);
}

}  // namespace lossd::benchmark
