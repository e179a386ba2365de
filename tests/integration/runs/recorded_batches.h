#ifndef LOSSD_TESTS_INTEGRATION_RUNS_RECORDED_BATCHES_H_
#define LOSSD_TESTS_INTEGRATION_RUNS_RECORDED_BATCHES_H_

#include <cstdint>
#include <random>
#include <string>

#include "lossd/v1/compute.pb.h"
#include "server/server.h"
#include "tests/server/runs/run_oracle.h"

namespace lossd {

inline constexpr int64_t kClasses = 4;
inline constexpr int64_t kNoLabel = -100;

// Returns options of a server that keeps runs in memory, for requests that come in little time.
ServerOptions KeepingRuns();

// Returns a batch of a run, FLOAT64, that asks for probabilities and margins: with ids below `ids`
// in any order, some of them twice, with samples that are ignored, ties, and logits that are not
// finite. The logits favour the label by `strength`.
v1::ComputeRequest RandomBatch(std::mt19937_64& random, v1::Activation activation, int64_t rows,
                               int64_t ids, double strength);

// Returns what was presented, as the answer to the request says it.
runs::OwnedBatch FromAnswer(const v1::ComputeRequest& request, const v1::ComputeResponse& answer);

// Returns a small batch with `count` samples from `first` on.
v1::ComputeRequest SmallBatch(const std::string& run, int64_t first, int64_t count);

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_RUNS_RECORDED_BATCHES_H_
