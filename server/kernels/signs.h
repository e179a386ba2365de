#ifndef LOSSD_SERVER_KERNELS_SIGNS_H_
#define LOSSD_SERVER_KERNELS_SIGNS_H_

#include <cstdint>

namespace lossd::kernels {

// Make the signs of Elements: 1 for 1, −1 for 0, and either for any other label.
template <typename T>
struct SignKernels {
  // Return how many of the targets are 0 or 1. They take at most 2³¹ − 1 targets.
  int64_t (*of_f32)(const float* targets, int64_t count, T* signs) = nullptr;
  int64_t (*of_f64)(const double* targets, int64_t count, T* signs) = nullptr;
  void (*of_labels)(const int64_t* labels, int64_t count, T* signs) = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIGNS_H_
