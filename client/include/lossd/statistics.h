#ifndef LOSSD_STATISTICS_H_
#define LOSSD_STATISTICS_H_

#include <cstdint>
#include <vector>

namespace lossd {

// The contribution of each class, in columns: entry k of every column is class k's. p_t is the
// probability that the loss gave to a sample's true class. A share of a zero total is 0.
struct ClassStatistics {
  std::vector<int64_t> count;                 // valid samples of the class
  std::vector<double> frequency;              // count / valid samples
  std::vector<double> weight;                 // the class weight that was applied
  std::vector<double> loss_sum;               // Σ of the samples' losses
  std::vector<double> loss_share;             // of the total, in [0, 1]
  std::vector<double> gradient_share;         // of Σ |∂ℓ/∂z|, in [0, 1]
  std::vector<double> mean_true_probability;  // mean p_t
  std::vector<int64_t> correct_count;         // samples whose largest logit is their class's
  std::vector<int64_t> predicted_count;       // samples predicted to be of the class
  std::vector<int64_t> empty_classes;         // indices of the classes without a sample
  std::vector<int64_t> class_ids;             // the classes of the entries, when only those present
                                              // were asked for; else empty
};

// How hard the samples are, and what the hard ones contribute. A sample is hard when its p_t is
// below `hard_threshold`.
struct Difficulty {
  std::vector<double> bin_edges;       // 11 edges of p_t, from 0 to 1
  std::vector<int64_t> count;          // 10 bins
  std::vector<double> loss_share;      // 10 bins, each in [0, 1]
  std::vector<double> gradient_share;  // 10 bins, each in [0, 1]
  double hard_threshold = 0.0;
  int64_t hard_count = 0;
  double hard_loss_share = 0.0;
  double hard_gradient_share = 0.0;
  double mean_true_probability = 0.0;
};

}  // namespace lossd

#endif  // LOSSD_STATISTICS_H_
