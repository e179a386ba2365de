#ifndef LOSSD_SERVER_KERNELS_DENSE_ROW_H_
#define LOSSD_SERVER_KERNELS_DENSE_ROW_H_

#include <cstdint>

#include "server/kernels/hessian.h"

namespace lossd::kernels {

// One softmax row with a target per class, in double; every form and every logit type comes here
// when the fast path does not apply. All arrays are [padded_count]; past the classes, logits hold
// −∞ and the others 0.
struct DenseRow {
  int64_t class_count = 0;
  const double* logits = nullptr;
  double* weighted_targets = nullptr;   // a; changed by the kernel and restored
  const double* targets = nullptr;      // y
  const double* log_targets = nullptr;  // log y, for those that are too small for y; may be null
  double whole_weight = 1;              // forms with Weighting::kWhole
  Curvature curvature = Curvature::kExact;

  // Outputs. The gradient and the Hessian are with respect to `logits`.
  double* probabilities = nullptr;
  double* one_minus_probabilities = nullptr;
  double* gradient = nullptr;   // may be null
  double* hessian = nullptr;    // may be null
  double* workspace = nullptr;  // 2 padded_count
  double loss = 0;
  double log_sum_exp = 0;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_DENSE_ROW_H_
