#ifndef LOSSD_SERVER_KERNELS_SIMD_SIGN_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_SIGN_INL_H_

#include <cstdint>

#include "server/kernels/kernels.h"

namespace lossd::kernels {

// Plain loops, which the compiler makes registers of; Arch only names them.

template <class Arch, typename T, typename Target>
int64_t SignTargets(const Target* targets, int64_t count, T* signs) {
  int32_t hard = 0;  // as wide as a float, so that it is counted in as many lanes
  for (int64_t i = 0; i < count; ++i) {
    const Target t = targets[i];
    signs[i] = t == 1 ? T(1) : T(-1);
    hard += (t == 0 ? 1 : 0) + (t == 1 ? 1 : 0);
  }
  return hard;
}

template <class Arch, typename T>
void SignLabels(const int64_t* labels, int64_t count, T* signs) {
  // The low halves are all that matters of labels that are 0 or 1; they convert in registers.
  for (int64_t i = 0; i < count; ++i) {
    signs[i] = static_cast<int32_t>(labels[i]) == 1 ? T(1) : T(-1);
  }
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_SIGN_INL_H_
