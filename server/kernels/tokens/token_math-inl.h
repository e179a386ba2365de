#ifndef LOSSD_SERVER_KERNELS_TOKENS_TOKEN_MATH_INL_H_
#define LOSSD_SERVER_KERNELS_TOKENS_TOKEN_MATH_INL_H_

#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"

// Exponentials of arguments of either sign, in double.
namespace lossd::kernels {

// e^x of a larger x counts as infinite: 2ᵏ of its reduction would be.
inline constexpr double kLargestExponent = 709.4;

// Returns e^x, ∞ and 0 where that is beyond the normal numbers; e⁰ is 1, NaN stays NaN.
template <typename V>
LOSSD_ALWAYS_INLINE inline V ExpOfAny(const V& x) {
  const auto is_large = x > V(kLargestExponent);
  return xsimd::select(is_large, V(kInfinity<double>),
                       ExpNonPositive(V(xsimd::select(is_large, V(0.0), x))));
}

// e^t, e^t − 1 and e^t − 1 − t, each accurate relative to itself however close t is to 0.
template <typename V>
struct ExpParts {
  V exp;
  V minus_one;
  V rest;
};

// Returns the parts, `rest` by its series where the difference would lose digits.
template <typename V>
LOSSD_ALWAYS_INLINE inline ExpParts<V> ExpPartsOf(const V& t) {
  constexpr double kSeries = 0x1p-6;  // the first term left out is 1e-20 of the sum
  const V infinity(kInfinity<double>);
  const auto is_large = t > V(kLargestExponent);
  const BothExps<V> of = BothExpsNonPositive(V(xsimd::select(is_large, V(0.0), t)));
  const V series = t * t *
                   Polynomial(t, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120,
                              1.0 / 24, 1.0 / 6, 1.0 / 2);
  const V rest = xsimd::select(xsimd::abs(t) < V(kSeries), series, of.minus_one - t);
  return {xsimd::select(is_large, infinity, of.exp),
          xsimd::select(is_large, infinity, of.minus_one), xsimd::select(is_large, infinity, rest)};
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_TOKENS_TOKEN_MATH_INL_H_
