#include "server/threads/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace lossd {
namespace {

// Reads the quota of cgroup v2, in CPUs: "max 100000" or "200000 100000" are the quota and its
// period in microseconds.
std::optional<double> QuotaV2() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return std::nullopt;
  try {
    return std::stod(quota) / period;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// Reads the quota of cgroup v1, in CPUs.
std::optional<double> QuotaV1() {
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double quota = 0;
  double period = 0;
  if (!(quota_file >> quota) || !(period_file >> period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return quota / period;
}

// Returns the number of CPUs that the calling thread may run on.
int AffinityCount() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

}  // namespace

int AvailableCpuCount() {
  double count = std::max(1, AffinityCount());
  for (const std::optional<double>& quota : {QuotaV2(), QuotaV1()}) {
    if (quota) count = std::min(count, std::ceil(*quota));
  }
  return std::max(1, static_cast<int>(count));
}

}  // namespace lossd
