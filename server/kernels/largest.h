#ifndef LOSSD_SERVER_KERNELS_LARGEST_H_
#define LOSSD_SERVER_KERNELS_LARGEST_H_

#include <cstdint>

namespace lossd::kernels {

// The largest of some numbers: NaN when one of them is, −∞ when there are none. It does not depend
// on their order: zeros of either sign count as +0.
struct LargestKernels {
  float (*of_f32)(const float* values, int64_t count) = nullptr;
  double (*of_f64)(const double* values, int64_t count) = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_LARGEST_H_
