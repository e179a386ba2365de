#ifndef LOSSD_CLIENT_SRC_CHUNKS_STATISTICS_MERGING_H_
#define LOSSD_CLIENT_SRC_CHUNKS_STATISTICS_MERGING_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "lossd/statistics.h"

namespace lossd::client {

// What of a chunk its shares and means are of.
struct ChunkTotals {
  double loss_sum = 0.0;     // Σ s ℓ
  double gradient_l1 = 0.0;  // Σ |∂ℓ/∂z|, in any unit that all chunks share
  int64_t valid_count = 0;
};

// The statistics of a batch from those of its chunks, in the order in which they are added. Counts
// are exact. Sums, shares and means are recovered from the chunks' shares and means, and so are
// rounded once more for each chunk: k chunks leave a relative error of about k · 2⁻⁵².

class ClassStatisticsMerger {
 public:
  // `chunk` has every class. INTERNAL when its columns are not as long as those before.
  absl::Status Add(const ClassStatistics& chunk, const ChunkTotals& totals);

  // Of every class.
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

// Those of the classes that have samples, with their `class_ids`.
ClassStatistics PresentClassesOnly(const ClassStatistics& statistics);

class DifficultyMerger {
 public:
  // INTERNAL when the chunk's bins are not as many as those before.
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
