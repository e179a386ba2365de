#ifndef LOSSD_SERVER_KERNELS_FORMS_GENERALIZED_CROSS_ENTROPY_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_GENERALIZED_CROSS_ENTROPY_INL_H_

#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// φ(u) = (1 − p^q) / q = −expm1(q u) / q: cross entropy as q tends to 0, 1 − p at q = 1.
struct GeneralizedCrossEntropy : FormTraits {
  // A power of a small p has the rounding of log p more than once.
  static constexpr bool kTakesFloatTargets = false;
  static constexpr FormInfo kInfo =
      FormInfo{
          "generalized_cross_entropy", "sum_k a_k (1 - p_k^q) / q",
          "Zhang & Sabuncu 2018, Generalized Cross Entropy Loss for Training Deep Neural Networks "
          "with Noisy Labels, arXiv:1805.07836"}
          .With(Parameter("q", 0.7, Range::AboveUpTo(0, 1),
                          "robustness to wrong labels; 1 is the mean absolute error"));

  static constexpr bool kHasFloatValues = true;
  template <typename V>
  static FormValues<V> InFloat(const Point<V>& x, const FormParameters& parameters) {
    const V q(static_cast<typename V::value_type>(parameters[0]));
    const BothExps<V> of = BothExpsNonPositive(V(q * LogOf(x)));
    return {-of.minus_one / q, -of.exp, -q * of.exp * x.one_minus_p};
  }

  template <typename V>
  static V Value(const Point<V>& x, const FormParameters& parameters) {
    const V q(static_cast<typename V::value_type>(parameters[0]));
    return -ExpMinusOneNonPositive(V(q * LogOf(x))) / q;
  }
  template <typename V>
  static V Slope(const Point<V>& x, const FormParameters& parameters) {
    const V q(static_cast<typename V::value_type>(parameters[0]));
    return -ExpNonPositive(V(q * LogOf(x)));
  }
  template <typename V>
  static V Curvature(const Point<V>& x, const FormParameters& parameters) {
    const V q(static_cast<typename V::value_type>(parameters[0]));
    return -q * ExpNonPositive(V(q * LogOf(x))) * x.one_minus_p;
  }

 private:
  // Returns ln p, 0 where rounding has brought a caller's above it.
  template <typename V>
  LOSSD_ALWAYS_INLINE static V LogOf(const Point<V>& x) {
    const V zero(typename V::value_type(0));
    return xsimd::select(x.log_p > zero, zero, x.log_p);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_GENERALIZED_CROSS_ENTROPY_INL_H_
