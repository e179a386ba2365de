#ifndef LOSSD_SERVER_KERNELS_FORMS_POLICY_POLICY_POINT_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_POLICY_POLICY_POINT_INL_H_

#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// A token as a form of a ratio sees it, a SIMD register of tokens at a time.
template <typename V>
struct PolicyPoint {
  V log_p;      // u, of the policy in training
  V old_log_p;  // o
  V log_ratio;  // x
  V ratio;      // r = e^x
  V moves;      // dx/du, 0 or 1
  V advantage;  // A
};

// What a form makes of it: φ, its derivatives by u, and 1 where a clip binds, else 0.
template <typename V>
struct PolicyTerm {
  V value;
  V slope;
  V curvature;
  V clipped_high = V(typename V::value_type(0));
  V clipped_low = V(typename V::value_type(0));
  V dual_clipped = V(typename V::value_type(0));
};

// The default traits of forms of a ratio. Such a form provides a function At of a PolicyPoint and
// the form's parameters. An advantage of 0 makes the term 0, whatever the ratio is.
struct PolicyTraits : FormTraits {
  static constexpr Domain kDomain = Domain::kRatio;
  // At does in float too, where the ratio and the advantage are no numbers of unusual size.
  static constexpr bool kHasFloatTokens = false;
  // The form has a function IsClearOfBounds, false where float's ratio may lie on another side of
  // a bound than the ratio does.
  static constexpr bool kHasBounds = false;

 protected:
  // Returns where the ratio is further from `bound` than both are rounded in float.
  template <typename V>
  LOSSD_ALWAYS_INLINE static auto IsClearOf(const V& bound, const V& ratio) {
    using T = typename V::value_type;
    return xsimd::abs(V(ratio - bound)) > V(T(0x1p-21)) * ratio;
  }
  template <typename V>
  static V ParameterOf(const FormParameters& parameters, size_t index) {
    return V(static_cast<typename V::value_type>(parameters[index]));
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_POLICY_POLICY_POINT_INL_H_
