#ifndef LOSSD_CLIENT_DEMO_REPORT_H_
#define LOSSD_CLIENT_DEMO_REPORT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/demo/training.h"
#include "lossd/compare.h"

namespace lossd::demo {

// Write the tables that the demo prints at the end, and under each the sentences that its numbers
// support. `models` and `losses` are in the order of the line-up.

// Returns the classes that have under 1 % of the training rows.
std::vector<size_t> RareClasses(absl::Span<const double> frequencies);

// Returns the share of samples that are classified right.
double Accuracy(const ClassStatistics& statistics);

// Writes one row per loss: accuracy, balanced accuracy, recall of each class with its number of
// test rows.
std::string RecallReport(absl::Span<const TrainedModel> models, absl::Span<const size_t> rare);

// Writes what each loss makes of the test logits of one model.
std::string ComparisonReport(absl::string_view model, absl::Span<const NamedLoss> losses,
                             const CompareResult& comparison, absl::Span<const size_t> rare);

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_REPORT_H_
