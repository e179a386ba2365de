#ifndef LOSSD_SERVER_KERNELS_SIMD_SIGN_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_SIGN_INL_H_

#include <cstdint>

namespace lossd::kernels {

// See SignKernels. These are plain loops, which the compiler turns into registers; Arch only gives
// each instruction set functions of its own.

template <typename Arch, typename T, typename Target>
int64_t SignTargets(const Target* targets, int64_t count, T* signs) {
  int32_t hard = 0;  // as wide as a float, so that it is counted in as many lanes
  for (int64_t i = 0; i < count; ++i) {
    const Target t = targets[i];
    signs[i] = t == 1 ? T(1) : T(-1);
    hard += (t == 0 ? 1 : 0) + (t == 1 ? 1 : 0);
  }
  return hard;
}

template <typename Arch, typename T>
void SignLabels(const int64_t* labels, int64_t count, T* signs) {
  // Only the low halves of labels that are 0 or 1 matter; they convert in registers.
  for (int64_t i = 0; i < count; ++i) {
    signs[i] = static_cast<int32_t>(labels[i]) == 1 ? T(1) : T(-1);
  }
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_SIGN_INL_H_
