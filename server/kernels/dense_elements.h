#ifndef LOSSD_SERVER_KERNELS_DENSE_ELEMENTS_H_
#define LOSSD_SERVER_KERNELS_DENSE_ELEMENTS_H_

#include <cstdint>

#include "server/kernels/hessian.h"

namespace lossd::kernels {

// Elements of a sigmoid with any target, in double. All arrays are [padded_count].
struct DenseElements {
  int64_t count = 0;
  const double* logits = nullptr;
  const double* positive_weight = nullptr;  // a₁ = weight of "yes" times target
  const double* negative_weight = nullptr;  // a₀
  const double* targets = nullptr;          // y
  const double* whole_weight = nullptr;     // forms with Weighting::kWhole
  Curvature curvature = Curvature::kExact;

  // Outputs.
  double* losses = nullptr;
  double* gradient = nullptr;
  double* hessian = nullptr;  // may be null
  double* probabilities = nullptr;
  double* one_minus_probabilities = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_DENSE_ELEMENTS_H_
