#include "tests/benchmark/compute_call.h"

#include "absl/time/clock.h"

namespace lossd::benchmark {

absl::StatusOr<Latencies> ComputeInTurn(const Client& client, const Batch& batch, int64_t calls,
                                        absl::Duration silence) {
  const ArrayView<float> logits(batch.logits, {batch.rows, batch.classes});
  const ArrayView<int64_t> labels(batch.labels, {batch.rows});
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  options.outputs.gradient = true;
  Latencies latencies;
  for (int64_t i = 0; i < calls; ++i) {
    absl::SleepFor(silence);
    const absl::Time start = absl::Now();
    const auto result = client.Compute(logits, labels, LossSpec{}, options);
    if (!result.ok()) return result.status();
    latencies.calls.push_back(absl::Now() - start);
    latencies.total += latencies.calls.back();
  }
  return latencies;
}

}  // namespace lossd::benchmark
