#ifndef LOSSD_SERVER_KERNELS_SUMS_H_
#define LOSSD_SERVER_KERNELS_SUMS_H_

#include <cstdint>

namespace lossd::kernels {

// What sample weights add up to, the order as in SumKernels, and how many are 0 and 1.
struct WeightSums {
  double sum = 0;
  int64_t zeros = 0;
  int64_t ones = 0;
};

// Sums in double, in an order that depends on the number of values alone.
struct SumKernels {
  double (*of_f32)(const float* values, int64_t count) = nullptr;
  double (*of_f64)(const double* values, int64_t count) = nullptr;
  WeightSums (*of_weights)(const double* weights, int64_t count) = nullptr;
  // Writes 1 where a weight is 0, else 0.
  void (*mark_zeros)(const double* weights, int64_t count, uint8_t* marks) = nullptr;
  // Write (weight · first) · second.
  void (*scale_f32)(const double* weights, int64_t count, double first, double second,
                    float* scaled) = nullptr;
  void (*scale_f64)(const double* weights, int64_t count, double first, double second,
                    double* scaled) = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SUMS_H_
