#ifndef LOSSD_SERVER_KERNELS_SOFTMAX_ROW_H_
#define LOSSD_SERVER_KERNELS_SOFTMAX_ROW_H_

#include <cstdint>

namespace lossd::kernels {

// A row's softmax and its logarithm, in double. All arrays are [padded_count]; past the classes,
// logits hold −∞. Some logit is finite, and none is NaN or +∞.
struct SoftmaxRow {
  int64_t class_count = 0;
  const double* logits = nullptr;

  // Outputs.
  double* probabilities = nullptr;
  double* log_probabilities = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SOFTMAX_ROW_H_
