#ifndef LOSSD_SERVER_KERNELS_SIMD_SUM_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_SUM_INL_H_

#include <cstdint>

#include "server/kernels/sums.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Returns the sum of `values`. These are plain loops of a fixed width, which the compiler turns
// into registers; Arch only gives each instruction set a function of its own.
template <typename Arch, typename T>
double SumInLanes(const T* values, int64_t count) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) lanes[k] += static_cast<double>(values[i + k]);
  }
  for (int64_t k = 0; i < count; ++i, ++k) lanes[k] += static_cast<double>(values[i]);
  for (int64_t half = kLanes / 2; half >= 1; half /= 2) {
    for (int64_t k = 0; k < half; ++k) lanes[k] += lanes[k + half];
  }
  return lanes[0];
}

template <typename Arch>
WeightSums SumWeights(const double* weights, int64_t count) {
  double zeros[kLanes] = {};
  double ones[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) zeros[k] += weights[i + k] == 0 ? 1.0 : 0.0;
    for (int64_t k = 0; k < kLanes; ++k) ones[k] += weights[i + k] == 1 ? 1.0 : 0.0;
  }
  for (int64_t k = 0; i < count; ++i, ++k) {
    zeros[k] += weights[i] == 0 ? 1.0 : 0.0;
    ones[k] += weights[i] == 1 ? 1.0 : 0.0;
  }
  WeightSums sums;
  sums.sum = SumInLanes<Arch>(weights, count);
  sums.zeros = static_cast<int64_t>(SumInLanes<Arch>(zeros, kLanes));
  sums.ones = static_cast<int64_t>(SumInLanes<Arch>(ones, kLanes));
  return sums;
}

template <typename Arch, typename T>
void ScaleWeights(const double* weights, int64_t count, double first, double second, T* scaled) {
  for (int64_t i = 0; i < count; ++i) scaled[i] = static_cast<T>(weights[i] * first * second);
}

template <typename Arch>
void MarkZeros(const double* weights, int64_t count, uint8_t* marks) {
  for (int64_t i = 0; i < count; ++i) marks[i] = weights[i] == 0 ? 1 : 0;
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_SUM_INL_H_
