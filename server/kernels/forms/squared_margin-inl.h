#ifndef LOSSD_SERVER_KERNELS_FORMS_SQUARED_MARGIN_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_SQUARED_MARGIN_INL_H_

#include "server/kernels/forms/logit_term-inl.h"

namespace lossd::kernels {

// (s z − target)², s = 1 for "yes" and −1 for "no".
struct SquaredMargin : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"squared_margin", "a_1 (z - target)^2 + a_0 (z + target)^2",
               "Azar et al. 2023, A General Theoretical Paradigm to Understand Learning from Human "
               "Preferences, arXiv:2310.12036"}
          .SigmoidOnly()
          .With(Parameter("target", 1, Range::Any(), "logit that a yes is drawn to"));
  static constexpr Domain kDomain = Domain::kLogit;
  static constexpr bool kTellsOutcomes = true;

  // Else z near the target would lose the digits of the difference.
  LOSSD_ALWAYS_INLINE static bool FitsFloat(const FormParameters& parameters) {
    return IsFloat(parameters[0]);
  }

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    return At(V(x.logit - Target<V>(parameters)));
  }
  template <typename V>
  static LogitTerm<V> No(const LogitPoint<V>& x, const FormParameters& parameters) {
    return At(V(x.logit + Target<V>(parameters)));
  }

 private:
  template <typename V>
  static V Target(const FormParameters& parameters) {
    return V(static_cast<typename V::value_type>(parameters[0]));
  }
  template <typename V>
  static LogitTerm<V> At(const V& difference) {
    return {difference * difference, difference + difference, V(typename V::value_type(2))};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_SQUARED_MARGIN_INL_H_
