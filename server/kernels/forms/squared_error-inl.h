#ifndef LOSSD_SERVER_KERNELS_FORMS_SQUARED_ERROR_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_SQUARED_ERROR_INL_H_

#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// The squared error of a sigmoid's hard label: φ(u) = (1 − p)².
struct HardSquaredError : FormTraits {
  template <typename V>
  static V Value(const Point<V>& x, const FormParameters&) {
    return x.one_minus_p * x.one_minus_p;
  }
  template <typename V>
  static V Slope(const Point<V>& x, const FormParameters&) {
    const V two(typename V::value_type(2));
    return -(two * x.p * x.one_minus_p);
  }
  template <typename V>
  static V Curvature(const Point<V>& x, const FormParameters&) {
    const V two(typename V::value_type(2));
    return two * x.p * (x.p - x.one_minus_p) * x.one_minus_p;
  }
};

// ψ(u; y) = (p − y)². Both derivatives carry a factor p: that is why the gradient vanishes where
// the model is confidently wrong.
struct SquaredError : FormTraits {
  static constexpr FormInfo kInfo = {
      "squared_error",
      "sum_k (p_k - y_k)^2; sigmoid: (p - y)^2 per element",
      "Brier 1950, Verification of Forecasts Expressed in Terms of Probability, "
      "Mon. Weather Rev. 78(1)",
  };
  static constexpr Weighting kWeighting = Weighting::kWhole;
  static constexpr bool kBothSides = false;
  using OneTargetOfElement = HardSquaredError;
  static constexpr bool kIsSquaredError = true;

  template <typename V>
  static V Value(const Point<V>& x, const FormParameters&) {
    const V error = ErrorOf(x);
    return error * error;
  }
  template <typename V>
  static V Slope(const Point<V>& x, const FormParameters&) {
    const V two(typename V::value_type(2));
    return two * x.p * ErrorOf(x);
  }
  template <typename V>
  static V Curvature(const Point<V>& x, const FormParameters&) {
    const V two(typename V::value_type(2));
    return two * x.p * (ErrorOf(x) + x.p) * x.one_minus_p;
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_SQUARED_ERROR_INL_H_
