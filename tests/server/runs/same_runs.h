#ifndef LOSSD_TESTS_SERVER_RUNS_SAME_RUNS_H_
#define LOSSD_TESTS_SERVER_RUNS_SAME_RUNS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "server/runs/run_curve.h"
#include "server/runs/run_store.h"
#include "tests/server/runs/run_oracle.h"

namespace lossd::runs {

// Returns a batch of samples with the ids [first, first + count), which is its request, too.
OwnedBatch NewSamples(const std::string& run, int64_t first, int64_t count);

absl::Status RecordTo(RunStore& store, const OwnedBatch& batch);

// Returns all samples of a run by their ids; none may come twice.
std::map<int64_t, RunSample> SamplesOf(RunStore& store, const std::string& run);

// Expects that two samples are the same to the last bit.
void ExpectSameSample(const RunSample& actual, const RunSample& expected);

// Expects that a store says the same of a run as another, to the last bit, but for the times.
void ExpectSameRun(RunStore& actual, RunStore& expected, const std::string& run);

}  // namespace lossd::runs

#endif  // LOSSD_TESTS_SERVER_RUNS_SAME_RUNS_H_
