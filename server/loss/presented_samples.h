#ifndef LOSSD_SERVER_LOSS_PRESENTED_SAMPLES_H_
#define LOSSD_SERVER_LOSS_PRESENTED_SAMPLES_H_

#include <cstdint>
#include <vector>

namespace lossd::loss {

// What a model makes of each sample of a batch by itself: before sample weights, reduction and
// mining, which drops none here. Columns with one entry for each sample, in their order.
struct PresentedSamples {
  std::vector<double> true_probability;
  std::vector<double> losses;  // ℓ
  std::vector<double> margins;
  std::vector<double> gradient_l1;  // Σ |∂ℓ/∂z_j|
  // 1 where the first of the largest logits is the label's; sigmoid: where z > 0 agrees with it.
  std::vector<uint8_t> correct;
  // 1 where the sample is ignored, by its weight or its label. All else of it is 0 or nothing.
  std::vector<uint8_t> ignored;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_PRESENTED_SAMPLES_H_
