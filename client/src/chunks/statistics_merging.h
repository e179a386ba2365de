#ifndef LOSSD_CLIENT_SRC_CHUNKS_STATISTICS_MERGING_H_
#define LOSSD_CLIENT_SRC_CHUNKS_STATISTICS_MERGING_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "lossd/statistics.h"

namespace lossd::client {

// The totals that a chunk's shares and means refer to.
struct ChunkTotals {
  double loss_sum = 0.0;     // Σ s ℓ
  double gradient_l1 = 0.0;  // Σ |∂ℓ/∂z|, in any unit that all chunks share
  int64_t valid_count = 0;
};

// Merge the statistics of a batch's chunks, in the order in which they are added. Counts are exact.
// Sums, shares and means are recovered from the chunks' shares and means, which rounds them once
// more for each chunk: k chunks leave a relative error of about k · 2⁻⁵².

class ClassStatisticsMerger {
 public:
  // Adds a chunk, whose columns have every class. Returns INTERNAL when they are not as long as the
  // columns before.
  absl::Status Add(const ClassStatistics& chunk, const ChunkTotals& totals);

  // Returns the statistics of every class.
  ClassStatistics Merge() const;

 private:
  struct Sums {
    int64_t count = 0;
    int64_t correct = 0;
    int64_t predicted = 0;
    double loss = 0.0;
    double gradient = 0.0;
    double true_probability = 0.0;
  };

  std::vector<Sums> classes_;
  std::vector<double> weight_;
};

// Returns the entries of the classes that have samples, with their `class_ids`.
ClassStatistics PresentClassesOnly(const ClassStatistics& statistics);

class DifficultyMerger {
 public:
  // Adds a chunk. Returns INTERNAL when it has another number of bins than those before.
  absl::Status Add(const Difficulty& chunk, const ChunkTotals& totals);

  Difficulty Merge() const;

 private:
  struct Sums {
    int64_t count = 0;
    double loss = 0.0;
    double gradient = 0.0;
  };

  std::vector<double> bin_edges_;
  std::vector<Sums> bins_;
  Sums all_;
  Sums hard_;
  double hard_threshold_ = 0.0;
  double true_probability_ = 0.0;
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_STATISTICS_MERGING_H_
