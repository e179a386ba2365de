#ifndef LOSSD_SERVER_KERNELS_SIMD_LARGEST_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_LARGEST_INL_H_

#include <cstdint>
#include <limits>

#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Returns the largest of `values`, as LargestKernels says. These are plain loops of a fixed width,
// which the compiler turns into registers; Arch only gives each instruction set a function of its
// own.
template <typename Arch, typename T>
T LargestInLanes(const T* values, int64_t count) {
  T largest[kLanes];
  T nan[kLanes];  // stays 0 until a NaN is met
  for (int64_t k = 0; k < kLanes; ++k) {
    largest[k] = -std::numeric_limits<T>::infinity();
    nan[k] = T(0);
  }
  const auto take = [&](int64_t k, T value) {
    largest[k] = value > largest[k] ? value : largest[k];
    nan[k] = value == value ? nan[k] : value;  // NOLINT(misc-redundant-expression): false for NaN
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) take(k, values[i + k]);
  }
  for (int64_t k = 0; i < count; ++i, ++k) take(k, values[i]);
  for (int64_t half = kLanes / 2; half >= 1; half /= 2) {
    for (int64_t k = 0; k < half; ++k) {
      largest[k] = largest[k + half] > largest[k] ? largest[k + half] : largest[k];
      nan[k] += nan[k + half];
    }
  }
  return nan[0] == T(0) ? largest[0] + T(0) : std::numeric_limits<T>::quiet_NaN();
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_LARGEST_INL_H_
