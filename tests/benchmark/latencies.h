#ifndef LOSSD_TESTS_BENCHMARK_LATENCIES_H_
#define LOSSD_TESTS_BENCHMARK_LATENCIES_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace lossd::benchmark {

// The times of calls, one after the other or together.
struct Latencies {
  std::vector<absl::Duration> calls;  // each call; empty where they overlap
  absl::Duration total;               // from the first call's start to the last one's end
  int64_t response_bytes = 0;         // the last answer on the wire; 0 where it is not seen
};

}  // namespace lossd::benchmark

#endif  // LOSSD_TESTS_BENCHMARK_LATENCIES_H_
