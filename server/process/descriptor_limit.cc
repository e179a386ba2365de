#include "server/process/descriptor_limit.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <limits>
#include <system_error>

namespace lossd {
namespace {

// Returns a guess where the system does not tell.
int OpenDescriptors() {
  constexpr int kGuess = 32;
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return kGuess;
  const auto count = std::distance(begin(entries), end(entries));
  return static_cast<int>(count) - 1;  // One of them was the folder's.
}

}  // namespace

void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int FreeDescriptors() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  const rlim_t most = std::min<rlim_t>(limit.rlim_cur, std::numeric_limits<int>::max());
  return std::max(0, static_cast<int>(most) - OpenDescriptors());
}

}  // namespace lossd
