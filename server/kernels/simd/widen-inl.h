#ifndef LOSSD_SERVER_KERNELS_SIMD_WIDEN_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_WIDEN_INL_H_

#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

// A register of floats as doubles: its first half and its second.
template <typename Arch>
struct Widened {
  Lanes<double, Arch> low;
  Lanes<double, Arch> high;
};

// Returns the floats as doubles.
template <typename Arch>
LOSSD_ALWAYS_INLINE inline Widened<Arch> Widen(const Lanes<float, Arch>& v) {
#if defined(__AVX512F__)
  const __m512d as_doubles = _mm512_castps_pd(v);
  const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(as_doubles, 1));
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(v)), _mm512_cvtps_pd(high)};
#elif defined(__AVX2__)
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(v)), _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1))};
#elif defined(__SSE2__)
  return {_mm_cvtps_pd(v), _mm_cvtps_pd(_mm_movehl_ps(v, v))};
#else
  return {vcvt_f64_f32(vget_low_f32(v)), vcvt_high_f64_f32(v)};
#endif
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_WIDEN_INL_H_
