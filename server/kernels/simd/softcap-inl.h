#ifndef LOSSD_SERVER_KERNELS_SIMD_SOFTCAP_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_SOFTCAP_INL_H_

#include <limits>
#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/fma-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"

namespace lossd::kernels {

// c tanh(z / c) = base + rest, where the rest is the smaller, so that differences of capped logits
// keep the digits that those of logits have; and the derivatives by z.
template <typename V>
struct CappedLogit {
  V base;
  V rest;
  V slope;  // 1 − tanh²
  V tanh;
};

// Caps the logits of one row or of several. The cap is a positive number whose square and inverse
// are in the type's range.
template <typename V>
class Softcap {
 public:
  using T = typename V::value_type;

  explicit Softcap(double cap)
      : cap_(static_cast<T>(cap)), inverse_(1 / cap), minus_two_over_cap_(-2 / cap) {}

  // Returns the capped logits. What one's are does not depend on the others: large ones only take
  // longer.
  LOSSD_ALWAYS_INLINE CappedLogit<V> Of(const V& z) const {
    if constexpr (sizeof(T) == sizeof(double)) {
      return OfLarge(z);
    } else {
      const auto is_small = xsimd::abs(z) <= cap_;
      const CappedLogit<V> small = OfSmall(z);
      if (xsimd::all(is_small)) return small;
      const CappedLogit<V> large = OfLarge(z);
      return {xsimd::select(is_small, small.base, large.base),
              xsimd::select(is_small, small.rest, large.rest),
              xsimd::select(is_small, small.slope, large.slope),
              xsimd::select(is_small, small.tanh, large.tanh)};
    }
  }

 private:
  // Returns z − (z − c tanh(z / c)) for float |z| ≤ c, by a minimax polynomial in (z / c)² for the
  // relative difference, of relative error 6e-9.
  LOSSD_ALWAYS_INLINE CappedLogit<V> OfSmall(const V& z) const {
    const V one(T(1));
    const V a = xsimd::fma(z, inverse_.high, V(z * inverse_.low));
    const V t = a * a;
    const V t2 = t * t;
    const V q01 = Polynomial(t, T(-0x1.1110f2p-3), T(0x1.555556p-2));
    const V q23 = Polynomial(t, T(-0x1.65a7eap-6), T(0x1.ba118p-5));
    const V q45 = Polynomial(t, T(-0x1.a45778p-9), T(0x1.1d03b4p-7));
    const V q67 = Polynomial(t, T(-0x1.2b85fep-13), T(0x1.e43cb4p-11));
    const V high = xsimd::fma(t2, q67, q45);
    const V low = xsimd::fma(t2, q23, q01);
    const V less = t * xsimd::fma(V(t2 * t2), high, low);
    const V tanh = xsimd::fnma(a, less, a);
    return {z, -(z * less), V(xsimd::fnma(tanh, tanh, one)), tanh};
  }

  // By e^(−2|z|/c): c (1 − u) / (1 + u).
  LOSSD_ALWAYS_INLINE CappedLogit<V> OfLarge(const V& z) const {
    const V one(T(1));
    const V size = xsimd::abs(z);
    const V x = size * minus_two_over_cap_.high;
    const V u = ExpOfScaled(size, minus_two_over_cap_, V(T(0)), x);
    const V inverse = one / (one + u);
    const V slope = (u + u) * inverse * (inverse + inverse);
    // A class that cannot be stays one.
    const auto is_masked = z == V(-std::numeric_limits<T>::infinity());
    if constexpr (sizeof(T) == sizeof(double)) {
      const V minus = ExpMinusOneNonPositive(x);
      const V unsigned_tanh = -minus / (minus + V(T(2)));
      const V tanh = SelectBySign(z, V(-unsigned_tanh), unsigned_tanh);
      return {xsimd::select(is_masked, z, cap_ * tanh), V(T(0)), slope, tanh};
    } else {
      const V rest = cap_ * ((u + u) * inverse);
      const V tanh = (one - u) * inverse;
      return {xsimd::select(is_masked, z, SelectBySign(z, V(-cap_), cap_)),
              SelectBySign(z, rest, V(-rest)), slope, SelectBySign(z, V(-tanh), tanh)};
    }
  }

  V cap_;
  Factor<V> inverse_;
  Factor<V> minus_two_over_cap_;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_SOFTCAP_INL_H_
