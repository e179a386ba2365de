#include "tests/benchmark/compute_call.h"

#include <vector>

#include "absl/time/clock.h"
#include "absl/types/span.h"

namespace lossd::benchmark {
namespace {

absl::Status ComputeOnce(const Client& client, ComputeCall call, const Batch& batch,
                         const ComputeOptions& options) {
  const ArrayView<float> logits(batch.logits, {batch.rows, batch.classes});
  const ArrayView<int64_t> labels(batch.labels, {batch.rows});
  return call == ComputeCall::kWhole
             ? client.Compute(logits, labels, LossSpec{}, options).status()
             : client.ComputeChunked(logits, labels, LossSpec{}, options).status();
}

}  // namespace

absl::StatusOr<Latencies> ComputeInTurn(const Client& client, ComputeCall call, const Batch& batch,
                                        int64_t calls, absl::Duration silence) {
  std::vector<float> gradient(batch.logits.size());
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  options.outputs.gradient = true;
  options.memory.gradient = absl::MakeSpan(gradient);
  Latencies latencies;
  for (int64_t i = 0; i < calls; ++i) {
    absl::SleepFor(silence);
    const absl::Time start = absl::Now();
    const absl::Status status = ComputeOnce(client, call, batch, options);
    if (!status.ok()) return status;
    latencies.calls.push_back(absl::Now() - start);
    latencies.total += latencies.calls.back();
  }
  return latencies;
}

}  // namespace lossd::benchmark
