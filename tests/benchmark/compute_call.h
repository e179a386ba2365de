#ifndef LOSSD_TESTS_BENCHMARK_COMPUTE_CALL_H_
#define LOSSD_TESTS_BENCHMARK_COMPUTE_CALL_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lossd/client.h"
#include "tests/benchmark/compute_request.h"
#include "tests/benchmark/latencies.h"

namespace lossd::benchmark {

// Which of the client library's calls.
enum class ComputeCall {
  kWhole,    // Client::Compute
  kChunked,  // Client::ComputeChunked, with its own defaults
};

// Calls of lossd's own client library, from the caller's arrays to a gradient in the caller's
// memory, as in a training loop: the mean loss of the batch and its gradient, one call after the
// other, `silence` before each of them.
absl::StatusOr<Latencies> ComputeInTurn(const Client& client, ComputeCall call, const Batch& batch,
                                        int64_t calls, absl::Duration silence);

}  // namespace lossd::benchmark

#endif  // LOSSD_TESTS_BENCHMARK_COMPUTE_CALL_H_
