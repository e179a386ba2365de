#ifndef LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_RECORDS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lossd::loss {

// What the statistics need of each sample beside its loss; columns are empty when nothing asked for
// them. Written block by block from several threads, each entry once.
struct SampleRecords {
  std::vector<double> true_probability;  // p_t
  std::vector<double> gradient_l1;       // sum_j |g_j| before upstream, scale and reduction
  std::vector<uint8_t> vanishing;        // confidently wrong and learning nothing

  void Resize(int64_t samples) {
    true_probability.resize(static_cast<size_t>(samples));
    gradient_l1.resize(static_cast<size_t>(samples));
    vanishing.resize(static_cast<size_t>(samples));
  }
  bool wanted() const { return !true_probability.empty(); }
};

// A sample is confidently wrong when its truth got less than this probability, and learns nothing
// when the derivative with respect to its true logit, without weights, is smaller than that.
inline constexpr double kConfidentlyWrong = 0.01;
inline constexpr double kLearnsNothing = 0.01;

inline bool Vanishes(double true_probability, double true_gradient) {
  return true_probability < kConfidentlyWrong && true_gradient < kLearnsNothing &&
         true_gradient > -kLearnsNothing;
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_SAMPLE_RECORDS_H_
