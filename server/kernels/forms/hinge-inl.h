#ifndef LOSSD_SERVER_KERNELS_FORMS_HINGE_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_HINGE_INL_H_

#include <limits>

#include "server/kernels/forms/logit_term-inl.h"

namespace lossd::kernels {

// max(0, margin − s z), s = 1 for "yes" and −1 for "no". Its derivative at the kink is 0.
struct Hinge : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"hinge", "a_1 max(0, margin - z) + a_0 max(0, margin + z)",
               "Cortes & Vapnik 1995, Support-Vector Networks, Mach. Learn. 20(3)"}
          .SigmoidOnly()
          .With(Parameter("margin", 1, Range::Above(0), "logit beyond which nothing is lost"));
  static constexpr Domain kDomain = Domain::kLogit;
  static constexpr bool kTellsOutcomes = true;

  // Else z near the margin would lose the digits of the difference.
  LOSSD_ALWAYS_INLINE static bool FitsFloat(const FormParameters& parameters) {
    return IsFloat(parameters[0]);
  }

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    using T = typename V::value_type;
    const V zero(T(0));
    const V loss = V(static_cast<T>(parameters[0])) - x.logit;
    const auto is_over = loss <= zero;  // not for NaN
    const V infinity(std::numeric_limits<T>::infinity());
    const V slope = xsimd::select(loss <= infinity, V(T(-1)), loss);  // NaN for NaN
    return {xsimd::select(is_over, zero, loss), xsimd::select(is_over, zero, slope), zero};
  }
  template <typename V>
  static LogitTerm<V> No(const LogitPoint<V>& x, const FormParameters& parameters) {
    LogitPoint<V> other = x;
    other.logit = -x.logit;
    LogitTerm<V> term = Yes(other, parameters);
    term.first = -term.first;
    return term;
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_HINGE_INL_H_
