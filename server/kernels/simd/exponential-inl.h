#ifndef LOSSD_SERVER_KERNELS_SIMD_EXPONENTIAL_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_EXPONENTIAL_INL_H_

#include <cstdint>
#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/fma-inl.h"
#include "server/kernels/simd/select-inl.h"

// The exponential and logarithm of the kernels. They know the range of their argument, which saves
// half of a general function's operations. They convert no integers: AVX2 has no such conversion in
// double, and it would be undefined for infinities.
namespace lossd::kernels {

template <typename V>
inline V Horner(const V&, const V& sum) {
  return sum;
}
template <typename V, typename... Lower>
inline V Horner(const V& x, const V& sum, typename V::value_type next, Lower... lower) {
  return Horner(x, V(xsimd::fma(sum, x, V(next))), lower...);
}

// Returns highest xⁿ + … + lowest.
template <typename V, typename... Lower>
inline V Polynomial(const V& x, typename V::value_type highest, Lower... lower) {
  return Horner(x, V(highest), lower...);
}

// The constants of exp for each element type: eˣ = 2ᵏ eʳ with k = round(x / ln 2), |r| ≤ ln 2 / 2.
// The sum of `magic` and k holds k + bias in its lowest bits, so that a shift turns it into 2ᵏ.
template <typename T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  using Bits = int32_t;
  static constexpr int kMantissaBits = 23;
  static constexpr float kMagic = 0x1.8p23F + 127;
  static constexpr float kLn2High = 0x1.63p-1F;  // few bits, so that k ln 2 is exact
  static constexpr float kLn2Low = -0x1.bd0106p-13F;
  static constexpr float kSmallest = -0x1.5d589ep6F;  // ln of the smallest normal number
  static constexpr float kLowest = -0x1.601e68p6F;    // −127 ln 2, for which 2ᵏ comes out as 0

  // Returns eʳ − 1 by a minimax polynomial of relative error 3e-9 of eʳ, whose slope of 1 is exact.
  template <typename V>
  static V MinusOne(const V& r) {
    const V r2 = r * r;
    return xsimd::fma(r2, OfSquare(r, r2), r);
  }

  // Returns eʳ − 1 − r by the same.
  template <typename V>
  static V Curve(const V& r) {
    const V r2 = r * r;
    return r2 * OfSquare(r, r2);
  }

  // Returns (eʳ − 1 − r) / r². Its terms are paired, which halves the time until the result is
  // there.
  template <typename V>
  static V OfSquare(const V& r, const V& r2) {
    const V low = Polynomial(r, 0x1.555492p-3F, 0x1.fffffcp-2F);
    const V middle = Polynomial(r, 0x1.123a2p-7F, 0x1.5558f2p-5F);
    const V high = xsimd::fma(r2, V(0x1.6a23cep-10F), middle);
    return xsimd::fma(r2, high, low);
  }
};

template <>
struct ExpConstants<double> {
  using Bits = int64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr double kMagic = 0x1.8p52 + 1023;
  static constexpr double kLn2High = 0x1.62e42feep-1;
  static constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  static constexpr double kSmallest = -0x1.6232bdd7abcd2p9;
  static constexpr double kLowest = -0x1.628b76e3a7b61p9;  // −1023 ln 2

  // Returns eʳ − 1 by Taylor's series, whose first term left out is 4e-18. Even and odd terms go
  // side by side.
  template <typename V>
  static V MinusOne(const V& r) {
    const V r2 = r * r;
    const V even =
        Polynomial(r2, 1.0 / 479001600, 1.0 / 3628800, 1.0 / 40320, 1.0 / 720, 1.0 / 24, 1.0 / 2);
    const V odd = Polynomial(r2, 1.0 / 6227020800, 1.0 / 39916800, 1.0 / 362880, 1.0 / 5040,
                             1.0 / 120, 1.0 / 6);
    return xsimd::fma(r2, V(xsimd::fma(r, odd, even)), r);
  }
};

// eˣ = (1 + minus_one) power
template <typename V>
struct ReducedExp {
  using T = typename V::value_type;
  using Constants = ExpConstants<T>;

  explicit ReducedExp(const V& x) {
    using Integers = xsimd::batch<typename Constants::Bits, typename V::arch_type>;
    const V magic(Constants::kMagic);
    const V shifted = xsimd::fma(x, V(T(1.44269504088896340736)), magic);
    const V k = shifted - magic;
    const V r = xsimd::fnma(k, V(Constants::kLn2Low), V(xsimd::fnma(k, V(Constants::kLn2High), x)));
    power =
        xsimd::bitwise_cast<V>(xsimd::bitwise_cast<Integers>(shifted) << Constants::kMantissaBits);
    minus_one = Constants::MinusOne(r);
  }

  V power;
  V minus_one;
};

// Returns eˣ for x ≤ 0, to about an ulp (1.03 measured); e⁰ is 1, e^−∞ is 0, NaN stays NaN. Results
// below the normal numbers are 0 or, within a factor of √½ of them, subnormal.
// `minus_one` gets eʳ − 1 of the reduced x, which is x itself where its size is below ln 2 / 2.
template <typename V>
inline V ExpNonPositive(const V& x, V& minus_one) {
  // This order of arguments keeps NaN, too.
  const ReducedExp<V> e(MaxOf(V(ExpConstants<typename V::value_type>::kLowest), x));
  minus_one = e.minus_one;
  // (1 + minus_one) power, with one rounding because `power` is a power of two.
  return xsimd::fma(e.minus_one, e.power, e.power);
}
template <typename V>
inline V ExpNonPositive(const V& x) {
  V minus_one;
  return ExpNonPositive(x, minus_one);
}

// Returns eˣ for x ≤ 0 in float, with the digits that numbers below the normal ones have room for.
template <typename A>
inline xsimd::batch<float, A> ExpToSubnormal(const xsimd::batch<float, A>& x) {
  using V = xsimd::batch<float, A>;
  // The square of e^(x / 2) is rounded where the product has no more room.
  const auto is_small = x < V(ExpConstants<float>::kSmallest);
  const V e = ExpNonPositive(V(xsimd::select(is_small, V(x * V(0.5F)), x)));
  return xsimd::select(is_small, V(e * e), e);
}

// Returns eˣ − 1 for x ≤ 0, accurate relative to itself however close x is to 0.
template <typename V>
inline V ExpMinusOneNonPositive(const V& x) {
  using T = typename V::value_type;
  const ReducedExp<V> e(x);
  const V minus_one(T(-1));
  return xsimd::select(x < V(ExpConstants<T>::kSmallest), minus_one,
                       xsimd::fma(e.power, e.minus_one, V(e.power + minus_one)));
}

// eˣ and eˣ − 1.
template <typename V>
struct BothExps {
  V exp;
  V minus_one;
};

// Returns what ExpNonPositive and ExpMinusOneNonPositive do.
template <typename V>
inline BothExps<V> BothExpsNonPositive(const V& x) {
  using Constants = ExpConstants<typename V::value_type>;
  const ReducedExp<V> e(MaxOf(V(Constants::kLowest), x));
  const V minus_one(typename V::value_type(-1));
  return {xsimd::fma(e.minus_one, e.power, e.power),
          xsimd::select(x < V(Constants::kSmallest), minus_one,
                        xsimd::fma(e.power, e.minus_one, V(e.power + minus_one)))};
}

// log(1 + x) with 1 / (1 + x), which both of its users need.
template <typename V>
struct LogOnePlus {
  V log;
  V inverse;
};

// Returns LogOnePlus of x in [0, 1], in float, by a minimax polynomial of relative error 5e-9,
// which is exact as x tends to 0.
template <typename A>
inline LogOnePlus<xsimd::batch<float, A>> LogOnePlusUnit(const xsimd::batch<float, A>& x) {
  using V = xsimd::batch<float, A>;
  const V x2 = x * x;
  const V x4 = x2 * x2;
  const V q01 = Polynomial(x, 0x1.554dfp-2F, -0x1.ffffd2p-2F);
  const V q23 = Polynomial(x, 0x1.935c9ep-3F, -0x1.ff26ep-3F);
  const V q45 = Polynomial(x, 0x1.b579b8p-4F, -0x1.3a7a7ep-3F);
  const V q67 = Polynomial(x, 0x1.4b081ep-6F, -0x1.d8630ep-5F);
  const V low = xsimd::fma(x2, q23, q01);
  const V high = xsimd::fma(x4, V(-0x1.b2f55cp-9F), V(xsimd::fma(x2, q67, q45)));
  const V q = xsimd::fma(x4, high, low);
  return {xsimd::fma(x2, q, x), V(1.0F) / (V(1.0F) + x)};
}

// 1 + x = 2ᵏ (1 + f) with 1 + f in [√½, √2), and log(1 + f) = 2 s + 2 s³ / 3 + 2 s⁵ / 5 + …,
// s = f / (2 + f). Where k is 0, f is x itself, and nothing of it is rounded away.
template <typename V>
struct ReducedLog {
  V k;
  V s;
  V inverse;  // 1 / (1 + x)
};

// Reduces finite x ≥ 0 or NaN, in double.
template <typename A>
inline ReducedLog<xsimd::batch<double, A>> ReduceLogOnePlus(const xsimd::batch<double, A>& x) {
  using V = xsimd::batch<double, A>;
  using Integers = xsimd::batch<uint64_t, A>;
  constexpr uint64_t kHalfRoot = 0x3fe6a09e00000000;
  constexpr uint64_t kOne = 0x3ff0000000000000;
  constexpr uint64_t kMantissa = 0x000fffffffffffff;
  const V one(1.0);
  const V two(2.0);
  const V u = one + x;
  const Integers bits = xsimd::bitwise_cast<Integers>(u) + Integers(kOne - kHalfRoot);
  // k + 1023 goes into the mantissa of 2⁵².
  constexpr uint64_t kTwoTo52 = 0x4330000000000000;
  const V k = xsimd::bitwise_cast<V>((bits >> 52) | Integers(kTwoTo52)) - V(0x1p52 + 1023);
  const V reduced =
      xsimd::bitwise_cast<V>((bits & Integers(kMantissa)) + Integers(kHalfRoot)) - one;
  const V f = xsimd::select(k == V(0.0), x, reduced);
  // One division serves 1 / u and 1 / (2 + f).
  const V both = one / (u * (two + f));
  return {k, f * (both * u), both * (two + f)};
}

// Returns the logarithm, accurate to T.
template <typename T, typename V>
inline V LogOf(const V& k, const V& s) {
  const V z = s * s;
  V series;
  if constexpr (sizeof(T) == sizeof(float)) {
    series = Polynomial(z, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5, 2.0 / 3);
  } else {
    series = Polynomial(z, 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9,
                        2.0 / 7, 2.0 / 5, 2.0 / 3);
  }
  using Constants = ExpConstants<double>;
  const V small = xsimd::fma(k, V(Constants::kLn2Low), V(s * z * series));
  return xsimd::fma(k, V(Constants::kLn2High), V((s + s) + small));
}

// Returns LogOnePlus of finite x ≥ 0 or NaN, in double, accurate to T.
template <typename T, typename A>
inline LogOnePlus<xsimd::batch<double, A>> LogOnePlusOf(const xsimd::batch<double, A>& x) {
  const ReducedLog<xsimd::batch<double, A>> reduced = ReduceLogOnePlus(x);
  return {LogOf<T>(reduced.k, reduced.s), reduced.inverse};
}

template <typename A>
inline LogOnePlus<xsimd::batch<double, A>> LogOnePlusUnit(const xsimd::batch<double, A>& x) {
  return LogOnePlusOf<double>(x);
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_EXPONENTIAL_INL_H_
