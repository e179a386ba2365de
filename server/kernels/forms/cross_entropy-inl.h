#ifndef LOSSD_SERVER_KERNELS_FORMS_CROSS_ENTROPY_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_CROSS_ENTROPY_INL_H_

#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// φ(u) = −u, the negative log-likelihood.
struct CrossEntropy : FormTraits {
  static constexpr FormInfo kInfo = {
      "cross_entropy",
      "-sum_k a_k log p_k",
      "Good 1952, Rational Decisions, J. R. Stat. Soc. B 14(1)",
  };

  static constexpr bool kIsCrossEntropy = true;

  template <typename V>
  static V Value(const Point<V>& x, const FormParameters&) {
    return -x.log_p;
  }
  template <typename V>
  static V Slope(const Point<V>&, const FormParameters&) {
    return V(typename V::value_type(-1));
  }
  template <typename V>
  static V Curvature(const Point<V>&, const FormParameters&) {
    return V(typename V::value_type(0));
  }
};

// Cross entropy less the entropy of the target: the derivatives are the same, and the minimum is 0.
struct KlDivergence : CrossEntropy {
  static constexpr FormInfo kInfo = {
      "kl_divergence",
      "sum_k a_k (log y_k - log p_k), 0 log 0 = 0",
      "Kullback & Leibler 1951, On Information and Sufficiency, Ann. Math. Stat. 22(1)",
  };
  static constexpr bool kAddsTargetEntropy = true;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_CROSS_ENTROPY_INL_H_
