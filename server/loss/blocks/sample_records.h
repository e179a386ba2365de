#ifndef LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_RECORDS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lossd::loss {

// The columns that the statistics read beside the losses, one entry per sample; empty when no
// statistics are asked for. They are written block by block from several threads, each entry once.
struct SampleRecords {
  std::vector<double> true_probability;  // p_t
  std::vector<double> gradient_l1;       // Σ |g_j| before upstream, scale and reduction
  std::vector<uint8_t> vanishing;        // confidently wrong and learning nothing
  // The first of the largest logits is the truth's, or a sigmoid's logit is on the right side; 0
  // for ignored samples. Only where it is given memory, beside margins, which it follows from.
  std::vector<uint8_t> correct;

  // Of softmax rows: kernels::RowOutcomes.
  std::vector<int64_t> predicted;
  std::vector<int64_t> ranks;

  void Resize(int64_t samples) {
    true_probability.resize(static_cast<size_t>(samples));
    gradient_l1.resize(static_cast<size_t>(samples));
    vanishing.resize(static_cast<size_t>(samples));
  }
  void ResizeOutcomes(int64_t rows) {
    predicted.resize(static_cast<size_t>(rows));
    ranks.resize(static_cast<size_t>(rows));
  }
  bool outcomes_wanted() const { return !ranks.empty(); }
  bool wanted() const { return !true_probability.empty(); }
};

// A sample is confidently wrong when its true class has less than the first probability, and learns
// nothing when the derivative with respect to its true logit, without weights, is smaller than the
// second.
inline constexpr double kConfidentlyWrong = 0.01;
inline constexpr double kLearnsNothing = 0.01;

inline bool Vanishes(double true_probability, double true_gradient) {
  // Nobody foresees which samples do: no comparison is a branch.
  return (static_cast<int>(true_probability < kConfidentlyWrong) &
          static_cast<int>(true_gradient < kLearnsNothing) &
          static_cast<int>(true_gradient > -kLearnsNothing)) != 0;
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_RECORDS_H_
