#ifndef LOSSD_SERVER_KERNELS_SUMS_H_
#define LOSSD_SERVER_KERNELS_SUMS_H_

#include <cstdint>

namespace lossd::kernels {

// Sums in double, in an order that depends on the number of values alone.
struct SumKernels {
  double (*of_f32)(const float* values, int64_t count) = nullptr;
  double (*of_f64)(const double* values, int64_t count) = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SUMS_H_
