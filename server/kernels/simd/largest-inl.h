#ifndef LOSSD_SERVER_KERNELS_SIMD_LARGEST_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_LARGEST_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"

namespace lossd::kernels {

// The largest numbers of some registers, lane by lane, and the lanes that met a NaN.
template <typename T, typename Arch>
struct LargestLanes {
  using V = Lanes<T, Arch>;

  LOSSD_ALWAYS_INLINE void Take(const V& v) {
    largest = MaxOf(v, largest);
    is_nan = is_nan | xsimd::isnan(v);
  }

  V largest = V(-kInfinity<T>);  // never NaN
  typename V::batch_bool_type is_nan = typename V::batch_bool_type(false);
};

// Returns the largest of `values`, as LargestKernels says.
template <typename Arch, typename T>
T LargestInLanes(const T* values, int64_t count) {
  using V = Lanes<T, Arch>;
  constexpr auto kWidth = static_cast<int64_t>(V::size);
  constexpr int64_t kRegisters = 4;  // a maximum takes as long as four of them take to begin
  LargestLanes<T, Arch> lanes[static_cast<size_t>(kRegisters)];
  int64_t i = 0;
  for (; i + kRegisters * kWidth <= count; i += kRegisters * kWidth) {
    for (int64_t r = 0; r < kRegisters; ++r) {
      lanes[r].Take(V::load_unaligned(values + i + r * kWidth));
    }
  }
  for (; i + kWidth <= count; i += kWidth) lanes[0].Take(V::load_unaligned(values + i));
  alignas(64) T padded[V::size];
  std::fill(padded, padded + kWidth, -kInfinity<T>);
  std::copy(values + i, values + count, padded);
  lanes[0].Take(V::load_aligned(padded));
  for (int64_t r = 1; r < kRegisters; ++r) {
    lanes[0].largest = MaxOf(lanes[r].largest, lanes[0].largest);
    lanes[0].is_nan = lanes[0].is_nan | lanes[r].is_nan;
  }
  if (xsimd::any(lanes[0].is_nan)) return std::numeric_limits<T>::quiet_NaN();
  return LargestOf(lanes[0].largest) + T(0);
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_LARGEST_INL_H_
