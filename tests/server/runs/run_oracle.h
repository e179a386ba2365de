#ifndef LOSSD_TESTS_SERVER_RUNS_RUN_ORACLE_H_
#define LOSSD_TESTS_SERVER_RUNS_RUN_ORACLE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "server/runs/presentation.h"
#include "server/runs/run.h"
#include "server/runs/run_batch.h"

namespace lossd::runs {

// A batch with its memory.
struct OwnedBatch {
  std::string run = "run";
  std::string owner;
  std::string request_id;
  std::vector<Presentation> samples;
  int64_t class_count = 4;
  double hard_threshold = 0.5;
  std::optional<int64_t> step;
  std::optional<int64_t> epoch;
  std::optional<double> learning_rate;
};

// Calls f with the RunBatch of `batch`, which lives no longer than the call.
template <typename F>
auto WithView(const OwnedBatch& batch, F f) {
  const auto read = [&batch](int64_t begin, absl::Span<Presentation> out) {
    for (size_t i = 0; i < out.size(); ++i) {
      out[i] = batch.samples[static_cast<size_t>(begin) + i];
    }
  };
  RunBatch view{batch.run,
                batch.owner,
                batch.request_id,
                batch.class_count,
                batch.hard_threshold,
                batch.step,
                batch.epoch,
                batch.learning_rate,
                static_cast<int64_t>(batch.samples.size()),
                read};
  return f(view);
}

// Keeps every presentation, and computes from all of them at once what a run says of its samples:
// in two passes, as NumPy does, where the store has one update.
class RunOracle {
 public:
  explicit RunOracle(double hard_threshold) : hard_threshold_(hard_threshold) {}

  void Add(const OwnedBatch& batch, int64_t step);

  // Returns the samples by id.
  std::map<int64_t, RunSample> Samples() const;
  int64_t presentations() const;
  int64_t non_finite() const { return non_finite_; }

 private:
  struct Seen {
    Presentation presentation;
    int64_t step;
  };

  RunSample Summarize(int64_t id, const std::vector<Seen>& seen) const;

  double hard_threshold_;
  std::map<int64_t, std::vector<Seen>> seen_;
  int64_t non_finite_ = 0;
};

// Returns a batch of `size` samples with ids in [0, ids) in any order, some of them twice, some
// ignored and some not finite.
OwnedBatch RandomBatch(std::mt19937_64& random, int64_t size, int64_t ids);

}  // namespace lossd::runs

#endif  // LOSSD_TESTS_SERVER_RUNS_RUN_ORACLE_H_
