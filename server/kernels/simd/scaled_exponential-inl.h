#ifndef LOSSD_SERVER_KERNELS_SIMD_SCALED_EXPONENTIAL_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_SCALED_EXPONENTIAL_INL_H_

#include <cstdint>
#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/fma-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/select-inl.h"

namespace lossd::kernels {

// A factor in registers, not rounded to their type: high + low.
template <typename V>
struct Factor {
  using T = typename V::value_type;

  explicit Factor(double factor)
      : high(static_cast<T>(factor)),
        low(static_cast<T>(factor - static_cast<double>(static_cast<T>(factor)))) {}

  V high;
  V low;
};

// Returns a · b − c, rounded once where a and b are floats. Without a fused instruction a and b are
// cut in halves, whose products are exact; what is left out is beyond the digits of a result that
// cancels.
template <typename V>
LOSSD_ALWAYS_INLINE inline V ProductMinus(const V& a, const V& b, const V& c) {
#if defined(__x86_64__) && !defined(__FMA__)
  if constexpr (sizeof(typename V::value_type) == sizeof(float)) {
    using Bits = xsimd::batch<int32_t, typename V::arch_type>;
    const auto upper_half = [](const V& v) {
      return xsimd::bitwise_cast<V>(xsimd::bitwise_cast<Bits>(v) & Bits(-(int32_t{1} << 12)));
    };
    const V a_high = upper_half(a);
    const V b_high = upper_half(b);
    return ((a_high * b_high - c) + a_high * (b - b_high)) + (a - a_high) * b;
  }
#endif
  return xsimd::fms(a, b, c);
}

// Returns e^(d s + c) for exponents that are not above 0, or hardly. `x` is the exponent rounded:
// the result's error is that of d and of c, and the product adds none, so that an exponent far from
// 0 costs no more digits than without a factor. e⁰ is 1 where d and c are 0. `minus_one` gets eʳ −
// 1 of the reduced exponent r, which is the exponent itself where its size is below ln 2 / 2.
template <typename V>
LOSSD_ALWAYS_INLINE inline V ExpOfScaled(const V& d, const Factor<V>& s, const V& c, const V& x,
                                         V& minus_one) {
  using T = typename V::value_type;
  using Constants = ExpConstants<T>;
  using Integers = xsimd::batch<typename Constants::Bits, typename V::arch_type>;
  const V shifted = xsimd::fma(x, V(T(1.44269504088896340736)), V(Constants::kMagic));
  const V k = shifted - V(Constants::kMagic);
  const V high = ProductMinus(d, s.high, V(k * V(Constants::kLn2High))) + c;
  const V r = xsimd::fma(d, s.low, V(xsimd::fnma(k, V(Constants::kLn2Low), high)));
  const V power =
      xsimd::bitwise_cast<V>(xsimd::bitwise_cast<Integers>(shifted) << Constants::kMantissaBits);
  minus_one = Constants::MinusOne(r);
  // A comparison that NaN fails keeps it.
  return ZeroWhere(x < V(Constants::kLowest), V(xsimd::fma(minus_one, power, power)));
}
template <typename V>
LOSSD_ALWAYS_INLINE inline V ExpOfScaled(const V& d, const Factor<V>& s, const V& c, const V& x) {
  V minus_one;
  return ExpOfScaled(d, s, c, x, minus_one);
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_SCALED_EXPONENTIAL_INL_H_
