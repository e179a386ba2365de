#ifndef LOSSD_SERVER_KERNELS_FORMS_POLICY_DRO_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_POLICY_DRO_INL_H_

#include "server/kernels/forms/policy/policy_point-inl.h"

namespace lossd::kernels {

// φ = −A u + β x² / 2. The quadratic stays where the advantage is 0.
struct Dro : PolicyTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"dro", "-A u + beta x^2 / 2, x = u - o",
               "Richemond et al. 2024, Offline Regularised Reinforcement Learning for Large "
               "Language Models Alignment, arXiv:2405.19107"}
          .OfRatio()
          .With(Parameter("beta", 0.05, Range::AtLeast(0), "weight of the squared log-ratio"));

  static constexpr bool kHasFloatTokens = true;

  template <typename V>
  static PolicyTerm<V> At(const PolicyPoint<V>& x, const FormParameters& parameters) {
    const V beta = ParameterOf<V>(parameters, 0);
    const V pull = MultiplyZeroWins(beta, x.log_ratio);
    const V half(typename V::value_type(0.5));
    const V value =
        MultiplyZeroWins(V(-x.advantage), x.log_p) + half * MultiplyZeroWins(pull, x.log_ratio);
    return {value, MultiplyZeroWins(x.moves, pull) - x.advantage, x.moves * beta};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_POLICY_DRO_INL_H_
