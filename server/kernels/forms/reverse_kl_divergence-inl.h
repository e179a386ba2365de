#ifndef LOSSD_SERVER_KERNELS_FORMS_REVERSE_KL_DIVERGENCE_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_REVERSE_KL_DIVERGENCE_INL_H_

#include <limits>

#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// ψ(u; y) = p (u − log y); dψ/dp = u − log y + 1, of which the 1 changes nothing. A class with
// y = 0 and p > 0 makes the loss infinite, and the row has no derivatives then.
struct ReverseKlDivergence : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"reverse_kl_divergence", "sum_k p_k (log p_k - log y_k), 0 log 0 = 0",
               "Gu et al. 2024, MiniLLM: Knowledge Distillation of Large Language Models, "
               "arXiv:2306.08543"}
          .SoftmaxOnly()
          .WithTargetsOfEveryClass();
  static constexpr Weighting kWeighting = Weighting::kWhole;
  static constexpr bool kShifts = true;
  static constexpr bool kTakesLogTargets = true;

  template <typename V>
  static V Shift(const Point<V>& x, const FormParameters&) {
    return LogRatio(x);
  }
  template <typename V>
  static V Value(const Point<V>& x, const FormParameters&) {
    return MultiplyZeroWins(x.p, LogRatio(x));
  }
  template <typename V>
  static V Slope(const Point<V>& x, const FormParameters&) {
    using T = typename V::value_type;
    const V ratio = LogRatio(x);
    const V slope = MultiplyZeroWins(x.p, V(ratio - x.shift));
    const V infinity(std::numeric_limits<T>::infinity());
    const auto has_none = (x.p > V(T(0))) & (ratio == infinity);
    return xsimd::select(has_none, V(std::numeric_limits<T>::quiet_NaN()), slope);
  }
  template <typename V>
  static V Curvature(const Point<V>& x, const FormParameters& parameters) {
    return (Slope(x, parameters) + x.p) * x.one_minus_p;
  }

 private:
  // Returns log(p / y), close to y by log1p of the relative difference.
  template <typename V>
  static V LogRatio(const Point<V>& x) {
    const V r = ErrorOf(x) / x.target;
    return xsimd::select(xsimd::abs(r) < V(typename V::value_type(0.5)), xsimd::log1p(r),
                         x.log_p - x.log_target);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_REVERSE_KL_DIVERGENCE_INL_H_
