#ifndef LOSSD_SERVER_THREADS_CPU_COUNT_H_
#define LOSSD_SERVER_THREADS_CPU_COUNT_H_

namespace lossd {

// Returns how many CPUs this process may use, at least 1: its affinity mask, cut by the cgroup's
// CPU quota (v1 or v2), which oneTBB does not read.
int AvailableCpuCount();

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_CPU_COUNT_H_
