#ifndef LOSSD_SERVER_KERNELS_SIMD_LOGARITHM_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_LOGARITHM_INL_H_

#include <cstdint>
#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/fma-inl.h"

namespace lossd::kernels {

// Returns log u of u = 1 + x, accurate relative to itself however close u is to 1: the caller knows
// x without the rounding of the sum. u is above 0, and finite; below the normal numbers it counts
// as about the smallest of them.
template <typename A>
inline xsimd::batch<float, A> LogOfSum(const xsimd::batch<float, A>& u,
                                       const xsimd::batch<float, A>& x) {
  using V = xsimd::batch<float, A>;
  using Integers = xsimd::batch<uint32_t, A>;
  constexpr uint32_t kHalfRoot = 0x3f3504f3;
  constexpr uint32_t kOne = 0x3f800000;
  constexpr uint32_t kMantissa = 0x007fffff;
  // u = 2ᵏ (1 + f) with 1 + f in [√½, √2). k + 127 goes into the mantissa of 2²³.
  constexpr uint32_t kTwoTo23 = 0x4b000000;
  const Integers bits = xsimd::bitwise_cast<Integers>(u) + Integers(kOne - kHalfRoot);
  const V k = xsimd::bitwise_cast<V>((bits >> 23) | Integers(kTwoTo23)) - V(0x1p23F + 127);
  const V reduced =
      xsimd::bitwise_cast<V>((bits & Integers(kMantissa)) + Integers(kHalfRoot)) - V(1.0F);
  const V f = xsimd::select(k == V(0.0F), x, reduced);
  // log(1 + f) = f − f² / 2 + f³ q(f), q a minimax polynomial: relative error 6e-9. Its terms are
  // paired, which halves the time until the result is there.
  const V f2 = f * f;
  const V f4 = f2 * f2;
  const V q01 = Polynomial(f, -0x1.000228p-2F, 0x1.555554p-2F);
  const V q23 = Polynomial(f, -0x1.5471f6p-3F, 0x1.99a012p-3F);
  const V q45 = Polynomial(f, -0x1.0d875ap-3F, 0x1.22d90ap-3F);
  const V q67 = Polynomial(f, -0x1.38c19ep-4F, 0x1.056494p-3F);
  const V low = xsimd::fma(f2, q23, q01);
  const V high = xsimd::fma(f2, q67, q45);
  const V q = xsimd::fma(f4, high, low);
  using Constants = ExpConstants<float>;
  const V small = xsimd::fma(f2, V(xsimd::fma(f, q, V(-0.5F))), V(k * V(Constants::kLn2Low)));
  return xsimd::fma(k, V(Constants::kLn2High), V(f + small));
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_LOGARITHM_INL_H_
