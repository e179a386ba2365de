#ifndef LOSSD_SERVER_KERNELS_FORMS_FOCAL_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_FOCAL_INL_H_

#include <limits>

#include "server/kernels/forms/point-inl.h"
#include "server/kernels/simd/fma-inl.h"

namespace lossd::kernels {

// φ(u) = −(1 − p)^γ u, p = eᵘ. With c = 1 − p and r = −u / c (which tends to 1 as p does):
//   φ′    = −c^γ (1 + γ p r)
//   φ″ c  = γ p c^γ (2 + r (γ p − 1))
// so that no power of c below γ appears, and γ < 1 has no pole at p = 1.
struct Focal : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"focal", "-sum_k a_k (1 - p_k)^gamma log p_k",
               "Lin et al. 2017, Focal Loss for Dense Object Detection, arXiv:1708.02002"}
          .With(Parameter("gamma", 2, Range::AtLeast(0),
                          "focusing: how strongly easy samples are damped; 0 is cross entropy"));

  // A power has γ times the rounding of 1 − p.
  LOSSD_ALWAYS_INLINE static bool FitsFloat(const FormParameters& parameters) {
    return parameters[0] <= 16;
  }

  template <typename F>
  static void WithUsualParameters(const FormParameters& parameters, F f) {
    if (parameters[0] == 2) {
      f(FormParameters{2});
    } else {
      f(parameters);
    }
  }

  template <typename V>
  static V Value(const Point<V>& x, const FormParameters& parameters) {
    // log p is finite wherever 1 − p is 0.
    return -(PowUnit(x.one_minus_p, parameters[0]) * x.log_p);
  }
  template <typename V>
  static V Slope(const Point<V>& x, const FormParameters& parameters) {
    const V one(typename V::value_type(1));
    const V gamma(static_cast<typename V::value_type>(parameters[0]));
    if (parameters[0] >= 1) {
      // The power has one factor to spare: −c^(γ−1) (c − γ p u), without a division.
      return PowUnit(x.one_minus_p, parameters[0] - 1) * Modulation(x, gamma);
    }
    return -PowUnit(x.one_minus_p, parameters[0]) * (one + gamma * MultiplyZeroWins(x.p, Ratio(x)));
  }
  template <typename V>
  static V Curvature(const Point<V>& x, const FormParameters& parameters) {
    const V one(typename V::value_type(1));
    const V two(typename V::value_type(2));
    const V gamma(static_cast<typename V::value_type>(parameters[0]));
    const V bracket = two * x.p + MultiplyZeroWins(x.p, Ratio(x)) * (gamma * x.p - one);
    return gamma * PowUnit(x.one_minus_p, parameters[0]) * bracket;
  }

  // Returns φ′ c without the division: −c^γ (c − γ p u)
  static constexpr bool kHasLogitSlope = true;
  template <typename V>
  static V LogitSlope(const Point<V>& x, const FormParameters& parameters) {
    const V gamma(static_cast<typename V::value_type>(parameters[0]));
    return PowUnit(x.one_minus_p, parameters[0]) * Modulation(x, gamma);
  }

 private:
  // Returns γ p u − c.
  template <typename V>
  static V Modulation(const Point<V>& x, const V& gamma) {
    // Where log p is infinite, p is 0, and so is their product.
    const V finite_log_p = MaxOf(V(std::numeric_limits<typename V::value_type>::lowest()), x.log_p);
    return xsimd::fms(gamma, V(x.p * finite_log_p), x.one_minus_p);
  }
  template <typename V>
  static V Ratio(const Point<V>& x) {
    const V zero(typename V::value_type(0));
    const V one(typename V::value_type(1));
    return xsimd::select(x.one_minus_p == zero, one, -x.log_p / x.one_minus_p);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_FOCAL_INL_H_
