#ifndef LOSSD_CLIENT_DEMO_RUN_REPORT_H_
#define LOSSD_CLIENT_DEMO_RUN_REPORT_H_

#include <string>

#include "absl/types/span.h"
#include "client/demo/run_summary.h"

namespace lossd::demo {

// Write the tables of what the server recorded, and under each the sentences that its numbers
// support.

struct NamedSummary {
  std::string name;  // of the loss
  RunSummary summary;
};

// Writes one row per loss, of which cross entropy is the first.
std::string LossesReport(absl::Span<const NamedSummary> losses);

struct RateSummary {
  double learning_rate = 0.0;
  RunSummary summary;
  double accuracy = 0.0;  // on the test set
};

// Writes one row per learning rate of cross entropy, in ascending order.
std::string LearningRateReport(absl::Span<const RateSummary> rates, int epochs);

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_RUN_REPORT_H_
