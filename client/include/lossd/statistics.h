#ifndef LOSSD_STATISTICS_H_
#define LOSSD_STATISTICS_H_

#include <cstdint>
#include <optional>
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

// How far the policy has moved from the one whose tokens these are, over the samples of weight
// above 0, each counting once. r is the ratio that the loss takes.
struct PolicyStatistics {
  // Tokens that a clip binds. Ppo: A > 0 and r > 1 + ε_high; A < 0 and r < 1 − ε_low; A < 0 and r >
  // dual_clip. Cispo: r beyond its bounds. Dppo: masked tokens, by the sign of A.
  int64_t clipped_high_count = 0;
  int64_t clipped_low_count = 0;
  int64_t dual_clipped_count = 0;

  // Set where there are old log-probabilities.
  std::optional<double> ratio_mean = std::nullopt;
  std::optional<double> ratio_min = std::nullopt;
  std::optional<double> ratio_max = std::nullopt;
  std::optional<double> ratio_mean_square = std::nullopt;
  std::optional<double> effective_sample_size = std::nullopt;  // (Σ r)² / Σ r²
  std::optional<double> kl_k1 = std::nullopt;                  // mean of o − u, token by token
  std::optional<double> kl_k3 = std::nullopt;  // mean of e^(u − o) − 1 − (u − o)

  // Set where there are reference log-probabilities.
  std::optional<double> reference_kl_k1 = std::nullopt;  // mean of u − f
  std::optional<double> reference_kl_k3 = std::nullopt;  // mean of e^(f − u) − 1 − (f − u)

  // Samples whose importance weight is beyond its bounds. Set with ImportanceWeighting.
  std::optional<int64_t> weight_high_count = std::nullopt;
  std::optional<int64_t> weight_low_count = std::nullopt;
};

}  // namespace lossd

#endif  // LOSSD_STATISTICS_H_
