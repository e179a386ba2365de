#ifndef LOSSD_SERVER_KERNELS_SIMD_SELECT_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_SELECT_INL_H_

#include <xsimd/xsimd.hpp>

// Selections that an instruction set makes in one instruction where xsimd's general select, or the
// compiler's reading of it, takes two or three.
namespace lossd::kernels {

// Returns the larger of each pair, and `best` where one is NaN.
template <typename V>
inline V MaxOf(const V& v, const V& best) {
#if defined(__x86_64__)
  return xsimd::max(v, best);  // maxps returns its second operand then
#else
  return xsimd::select(v > best, v, best);
#endif
}

// Returns `v`, but 0 where `where` holds.
template <typename V>
inline V ZeroWhere(const typename V::batch_bool_type& where, const V& v) {
  return xsimd::select(where, V(typename V::value_type(0)), v);
}

// Returns 1 where `where` holds, else 0.
template <typename Bool>
inline typename Bool::batch_type OneWhere(const Bool& where) {
  using V = typename Bool::batch_type;
  using T = typename V::value_type;
  return xsimd::select(where, V(T(1)), V(T(0)));
}

// Selects by the sign bit of `sign`, whatever its other bits are.
template <typename V>
inline V SelectBySign(const V& sign, const V& if_negative, const V& otherwise) {
  using T = typename V::value_type;
  const V one_signed = (sign & V(T(-0.0))) | V(T(1));
  return xsimd::select(one_signed < V(T(0)), if_negative, otherwise);
}

#if defined(__AVX512F__)

using FloatsOfAvx512 = xsimd::batch<float, xsimd::avx512bw>;
using DoublesOfAvx512 = xsimd::batch<double, xsimd::avx512bw>;
inline FloatsOfAvx512 SelectBySign(const FloatsOfAvx512& sign, const FloatsOfAvx512& if_negative,
                                   const FloatsOfAvx512& otherwise) {
  const __mmask16 negative = _mm512_movepi32_mask(_mm512_castps_si512(sign));
  return _mm512_mask_blend_ps(negative, otherwise, if_negative);
}
inline DoublesOfAvx512 SelectBySign(const DoublesOfAvx512& sign, const DoublesOfAvx512& if_negative,
                                    const DoublesOfAvx512& otherwise) {
  const __mmask8 negative = _mm512_movepi64_mask(_mm512_castpd_si512(sign));
  return _mm512_mask_blend_pd(negative, otherwise, if_negative);
}

#elif defined(__AVX2__)

using FloatsOfAvx2 = xsimd::batch<float, xsimd::fma3<xsimd::avx2> >;
using DoublesOfAvx2 = xsimd::batch<double, xsimd::fma3<xsimd::avx2> >;
inline FloatsOfAvx2 ZeroWhere(const FloatsOfAvx2::batch_bool_type& where, const FloatsOfAvx2& v) {
  return _mm256_andnot_ps(where, v);
}
inline DoublesOfAvx2 ZeroWhere(const DoublesOfAvx2::batch_bool_type& where,
                               const DoublesOfAvx2& v) {
  return _mm256_andnot_pd(where, v);
}
inline FloatsOfAvx2 SelectBySign(const FloatsOfAvx2& sign, const FloatsOfAvx2& if_negative,
                                 const FloatsOfAvx2& otherwise) {
  return _mm256_blendv_ps(otherwise, if_negative, sign);
}
inline DoublesOfAvx2 SelectBySign(const DoublesOfAvx2& sign, const DoublesOfAvx2& if_negative,
                                  const DoublesOfAvx2& otherwise) {
  return _mm256_blendv_pd(otherwise, if_negative, sign);
}

#endif

// Returns weight · value, and 0 where the weight is 0, whatever the value is.
template <typename V>
inline V Weighted(const V& weight, const V& value) {
  return ZeroWhere(weight == V(typename V::value_type(0)), V(weight * value));
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_SELECT_INL_H_
