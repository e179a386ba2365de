#ifndef LOSSD_SERVER_KERNELS_TOKENS_FLOAT_EXPONENTIAL_INL_H_
#define LOSSD_SERVER_KERNELS_TOKENS_FLOAT_EXPONENTIAL_INL_H_

#include <cstdint>
#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/fma-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/tokens/token_math-inl.h"

namespace lossd::kernels {

// a − b, and what the rounding of that takes off the difference: together they are exact.
template <typename V>
struct Difference {
  V rounded;
  V lost;
};

// Returns the difference (Knuth's two-sum).
template <typename V>
LOSSD_ALWAYS_INLINE inline Difference<V> DifferenceOf(const V& a, const V& b) {
  const V d = a - b;
  const V b_of_d = a - d;
  const V a_of_d = d + b_of_d;
  return {d, (a - a_of_d) + (b_of_d - b)};
}

// Returns the parts of e^t for |t| up to 80, in float, to about an ulp each. With t = k ln 2 + r
// and curve = eʳ − 1 − r they are
//   e^t − 1     = 2ᵏ (curve + r) + (2ᵏ − 1)
//   e^t − 1 − t = 2ᵏ curve + (2ᵏ − 1) r + (2ᵏ − 1 − k ln 2),
// where nothing cancels: close to 0 both are what the polynomial is of.
template <typename V>
LOSSD_ALWAYS_INLINE inline ExpParts<V> FloatExpPartsOf(const Difference<V>& t) {
  using Constants = ExpConstants<float>;
  using Integers = xsimd::batch<Constants::Bits, typename V::arch_type>;
  constexpr float kLn2 = 0x1.62e43p-1F;
  const V magic(Constants::kMagic);
  const V shifted = xsimd::fma(t.rounded, V(1.44269504F), magic);
  const V k = shifted - magic;
  const V high = xsimd::fnma(k, V(Constants::kLn2High), t.rounded);
  const V r = xsimd::fnma(k, V(Constants::kLn2Low), high) + t.lost;
  const V power =
      xsimd::bitwise_cast<V>(xsimd::bitwise_cast<Integers>(shifted) << Constants::kMantissaBits);
  const V curve = Constants::Curve(r);
  const V minus_one = curve + r;
  const V power_minus_one = power - V(1.0F);
  const V constant = xsimd::fnma(k, V(kLn2), power_minus_one);
  return {xsimd::fma(minus_one, power, power), xsimd::fma(power, minus_one, power_minus_one),
          xsimd::fma(power, curve, V(xsimd::fma(power_minus_one, r, constant)))};
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_TOKENS_FLOAT_EXPONENTIAL_INL_H_
