#ifndef LOSSD_SERVER_KERNELS_SIMD_FMA_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_FMA_INL_H_

#include <cstdint>
#include <xsimd/xsimd.hpp>

// xsimd's fused multiply-adds. Every file that calls xsimd::fma, fms, fnma or fnms in a template
// includes this one: a qualified call finds only what was declared before the template.

#if defined(__AVX512F__)

#include <immintrin.h>

// xsimd 8.1 has no fused multiply-add for AVX-512: its exp and log there multiply and then add,
// which is slower than on AVX2 and gives other bits. Functions that are no templates win over the
// generic ones where xsimd's own mathematics looks them up.
namespace xsimd {

using Avx512Floats = batch<float, avx512bw>;
using Avx512Doubles = batch<double, avx512bw>;

// x y + z
inline Avx512Floats fma(const Avx512Floats& x, const Avx512Floats& y,
                        const Avx512Floats& z) noexcept {
  return _mm512_fmadd_ps(x, y, z);
}
inline Avx512Doubles fma(const Avx512Doubles& x, const Avx512Doubles& y,
                         const Avx512Doubles& z) noexcept {
  return _mm512_fmadd_pd(x, y, z);
}

// x y - z
inline Avx512Floats fms(const Avx512Floats& x, const Avx512Floats& y,
                        const Avx512Floats& z) noexcept {
  return _mm512_fmsub_ps(x, y, z);
}
inline Avx512Doubles fms(const Avx512Doubles& x, const Avx512Doubles& y,
                         const Avx512Doubles& z) noexcept {
  return _mm512_fmsub_pd(x, y, z);
}

// -(x y) + z
inline Avx512Floats fnma(const Avx512Floats& x, const Avx512Floats& y,
                         const Avx512Floats& z) noexcept {
  return _mm512_fnmadd_ps(x, y, z);
}
inline Avx512Doubles fnma(const Avx512Doubles& x, const Avx512Doubles& y,
                          const Avx512Doubles& z) noexcept {
  return _mm512_fnmadd_pd(x, y, z);
}

// -(x y) - z
inline Avx512Floats fnms(const Avx512Floats& x, const Avx512Floats& y,
                         const Avx512Floats& z) noexcept {
  return _mm512_fnmsub_ps(x, y, z);
}
inline Avx512Doubles fnms(const Avx512Doubles& x, const Avx512Doubles& y,
                          const Avx512Doubles& z) noexcept {
  return _mm512_fnmsub_pd(x, y, z);
}

// Rounds toward zero. The generic function casts element by element, which is undefined for values
// that no int64_t holds, such as -inf in exp; this one gives such elements the smallest int64_t,
// and exp replaces them.
inline batch<int64_t, avx512bw> to_int(const Avx512Doubles& x) noexcept {
  return _mm512_cvttpd_epi64(x);
}

}  // namespace xsimd

#endif  // defined(__AVX512F__)

#endif  // LOSSD_SERVER_KERNELS_SIMD_FMA_INL_H_
