#ifndef LOSSD_SERVER_KERNELS_SIMD_SOFTCAP_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_SOFTCAP_INL_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/fma-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/widen-inl.h"

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

// How large logits may be: kNear are no larger than Softcap::most_near().
enum class CapRange { kNear, kAny };

// Caps the logits of one row or of several. The cap is a positive number whose square and inverse
// are in the type's range.
template <typename V>
class Softcap {
 public:
  using T = typename V::value_type;
  using Arch = typename V::arch_type;

  explicit Softcap(double cap)
      : cap_(cap),
        inverse_(static_cast<T>(1 / cap)),
        most_near_(static_cast<T>(MostNear(cap))),
        minus_two_over_cap_(-2 / cap) {}

  // Returns the capped logits. What one's are does not depend on the others: some only take longer.
  template <CapRange kRange = CapRange::kAny>
  LOSSD_ALWAYS_INLINE CappedLogit<V> Of(const V& z) const {
    if constexpr (sizeof(T) == sizeof(double)) {
      return OfAny(z);
    } else if constexpr (kRange == CapRange::kNear) {
      return OfNear(z);
    } else {
      const auto is_near = xsimd::abs(z) <= V(most_near_);
      const CappedLogit<V> near = OfNear(z);
      if (xsimd::all(is_near)) return near;
      const CappedLogit<V> far = OfFar(z, cap_);
      return {xsimd::select(is_near, near.base, far.base),
              xsimd::select(is_near, near.rest, far.rest),
              xsimd::select(is_near, near.slope, far.slope),
              xsimd::select(is_near, near.tanh, far.tanh)};
    }
  }

  T most_near() const { return most_near_; }

 private:
  // Returns up to which |z| OfNear does: the rest, about z³ / 3c², is no more than ½, so that its
  // own rounding is no more than a float's that is near 1.
  static double MostNear(double cap) { return std::min(cap / 2, std::cbrt(1.5 * cap * cap)); }

  // Returns z − (z − c tanh(z / c)) for float |z| ≤ c / 2, by a minimax polynomial in (z / c)² for
  // the relative difference, of relative error 3e-8.
  LOSSD_ALWAYS_INLINE CappedLogit<V> OfNear(const V& z) const {
    const V a = z * inverse_;
    const V t = a * a;
    const V low = Polynomial(t, T(-0x1.111122p-3), T(0x1.555556p-2));
    const V middle = Polynomial(t, T(-0x1.61a12ap-6), T(0x1.b9fc1ep-5));
    const V t2 = t * t;
    const V high = xsimd::fma(t2, V(T(0x1.d4c984p-8)), middle);
    const V less = t * xsimd::fma(t2, high, low);
    const V tanh = xsimd::fnma(a, less, a);
    return {z, -(z * less), V(xsimd::fnma(tanh, tanh, V(T(1)))), tanh};
  }

  // Returns the same of any floats, by doubles.
  LOSSD_NOINLINE static CappedLogit<V> OfFar(const V& z, double cap) {
    using D = Lanes<double, Arch>;
    const Softcap<D> softcap(cap);
    const Widened<Arch> wide = Widen<Arch>(z);
    const CappedLogit<D> halves[] = {softcap.Of(wide.low), softcap.Of(wide.high)};
    alignas(64) double capped[V::size];
    alignas(64) double slopes[V::size];
    alignas(64) double tanhs[V::size];
    for (size_t half = 0; half < 2; ++half) {
      halves[half].base.store_aligned(capped + half * D::size);
      halves[half].slope.store_aligned(slopes + half * D::size);
      halves[half].tanh.store_aligned(tanhs + half * D::size);
    }
    alignas(64) T parts[4][V::size];
    for (size_t i = 0; i < V::size; ++i) {
      parts[0][i] = static_cast<T>(capped[i]);
      const auto rounded = static_cast<double>(parts[0][i]);
      // −∞ has no rest.
      parts[1][i] = rounded == capped[i] ? T(0) : static_cast<T>(capped[i] - rounded);
      parts[2][i] = static_cast<T>(slopes[i]);
      parts[3][i] = static_cast<T>(tanhs[i]);
    }
    return {V::load_aligned(parts[0]), V::load_aligned(parts[1]), V::load_aligned(parts[2]),
            V::load_aligned(parts[3])};
  }

  // Returns the same of doubles, by e^(−2|z|/c).
  LOSSD_ALWAYS_INLINE CappedLogit<V> OfAny(const V& z) const {
    const V one(T(1));
    const V size = xsimd::abs(z);
    const V x = size * minus_two_over_cap_.high;
    const V u = ExpOfScaled(size, minus_two_over_cap_, V(T(0)), x);
    const V inverse = one / (one + u);
    const V slope = (u + u) * inverse * (inverse + inverse);
    const V minus = ExpMinusOneNonPositive(x);
    const V unsigned_tanh = -minus / (minus + V(T(2)));
    const V tanh = SelectBySign(z, V(-unsigned_tanh), unsigned_tanh);
    // A class that cannot be stays one.
    const auto is_masked = z == V(-std::numeric_limits<T>::infinity());
    return {xsimd::select(is_masked, z, V(V(static_cast<T>(cap_)) * tanh)), V(T(0)), slope, tanh};
  }

  double cap_;
  V inverse_;
  T most_near_;
  Factor<V> minus_two_over_cap_;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_SOFTCAP_INL_H_
