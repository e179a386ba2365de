#ifndef LOSSD_CLIENT_DEMO_RUN_SUMMARY_H_
#define LOSSD_CLIENT_DEMO_RUN_SUMMARY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "lossd/client.h"

namespace lossd::demo {

// How the hard rows of a training run moved, as the server recorded it. A row is hard while p_t is
// below the run's threshold.
struct RunSummary {
  int64_t hard_at_last = 0;  // rows that were hard when they were presented last
  int64_t turned_easy = 0;   // presentations that were not hard, where the one before was
  int64_t turned_hard = 0;   // presentations that were hard, where the one before was not
  int64_t forgotten = 0;     // presentations not correct, where the one before was
  int64_t rows_that_turned = 0;
  int64_t never_learned = 0;
  double late_turn_rate = 0.0;  // turns in each presentation, in the second half of the epochs
};

// Returns the summary of a run of that many epochs, of which these are all samples.
RunSummary Summarize(const Run& run, absl::Span<const RunSample> samples, int epochs);

// Asks the server for the run, and returns its summary.
absl::StatusOr<RunSummary> FetchSummary(const Client& client, const std::string& run, int epochs);

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_RUN_SUMMARY_H_
