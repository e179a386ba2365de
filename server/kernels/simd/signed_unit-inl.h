#ifndef LOSSD_SERVER_KERNELS_SIMD_SIGNED_UNIT_INL_H_
#define LOSSD_SERVER_KERNELS_SIMD_SIGNED_UNIT_INL_H_

#include <xsimd/xsimd.hpp>

#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/select-inl.h"

// Exponentials e = eˣ, x ≤ 0, in one number each that keeps the digits of 1 − e as well: e itself,
// or e − 1 with its sign bit set where x is close to 0.
namespace lossd::kernels {

// Returns such a number. `minus_one` is eʳ − 1 of the reduced x, which is x itself where it counts.
template <typename V>
LOSSD_ALWAYS_INLINE inline V SignedUnit(const V& x, const V& e, const V& minus_one) {
  using T = typename V::value_type;
  constexpr double kClose = -0.34;  // above −ln 2 / 2
  return xsimd::select(x > V(static_cast<T>(kClose)), V(minus_one | V(T(-0.0))), e);
}

// Returns e + shift for a shift that is 0 or −1.
template <typename V>
LOSSD_ALWAYS_INLINE inline V ShiftedUnit(const V& unit, const V& shift) {
  using T = typename V::value_type;
  return unit + (SelectBySign(unit, V(T(1)), V(T(0))) + shift);
}

// Returns e.
template <typename V>
LOSSD_ALWAYS_INLINE inline V UnitOf(const V& unit) {
  using T = typename V::value_type;
  return unit + SelectBySign(unit, V(T(1)), V(T(0)));
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_SIMD_SIGNED_UNIT_INL_H_
