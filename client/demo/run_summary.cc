#include "client/demo/run_summary.h"

#include <vector>

namespace lossd::demo {

RunSummary Summarize(const Run& run, absl::Span<const RunSample> samples, int epochs) {
  RunSummary summary;
  for (const RunSample& sample : samples) {
    if (sample.last_true_probability < run.hard_threshold) ++summary.hard_at_last;
    summary.turned_easy += sample.turned_easy;
    summary.turned_hard += sample.turned_hard;
    summary.forgotten += sample.forgetting_events;
    if (sample.turned_easy + sample.turned_hard > 0) ++summary.rows_that_turned;
  }
  summary.never_learned = run.never_learned_count;
  int64_t turns = 0;
  int64_t presentations = 0;
  for (const RunPoint& point : run.points) {
    if (point.epoch <= epochs / 2) continue;
    turns += point.turned_easy + point.turned_hard;
    presentations += point.presentations;
  }
  if (presentations > 0) {
    summary.late_turn_rate = static_cast<double>(turns) / static_cast<double>(presentations);
  }
  return summary;
}

absl::StatusOr<RunSummary> FetchSummary(const Client& client, const std::string& run, int epochs) {
  const absl::StatusOr<Run> found = client.GetRun(run);
  if (!found.ok()) return found.status();
  std::vector<RunSample> samples;
  absl::Status status = client.ExportRunSamples(run, [&](absl::Span<const RunSample> some) {
    samples.insert(samples.end(), some.begin(), some.end());
  });
  if (!status.ok()) return status;
  return Summarize(*found, samples, epochs);
}

}  // namespace lossd::demo
