#ifndef LOSSD_SERVER_KERNELS_FORMS_POLY1_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_POLY1_INL_H_

#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// φ(u) = −u + ε (1 − p): cross entropy with its first polynomial coefficient moved.
struct Poly1 : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"poly1", "sum_k a_k (-log p_k + epsilon (1 - p_k))",
               "Leng et al. 2022, PolyLoss, arXiv:2204.12511"}
          .With(Parameter("epsilon", 1, Range::AtLeast(-1), "weight of the added 1 - p"));

  template <typename V>
  static V Value(const Point<V>& x, const FormParameters& parameters) {
    return Epsilon<V>(parameters) * x.one_minus_p - x.log_p;
  }
  template <typename V>
  static V Slope(const Point<V>& x, const FormParameters& parameters) {
    return -(V(typename V::value_type(1)) + Epsilon<V>(parameters) * x.p);
  }
  template <typename V>
  static V Curvature(const Point<V>& x, const FormParameters& parameters) {
    return -Epsilon<V>(parameters) * x.p * x.one_minus_p;
  }

 private:
  template <typename V>
  static V Epsilon(const FormParameters& parameters) {
    return V(static_cast<typename V::value_type>(parameters[0]));
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_POLY1_INL_H_
