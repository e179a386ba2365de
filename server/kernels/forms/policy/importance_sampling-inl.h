#ifndef LOSSD_SERVER_KERNELS_FORMS_POLICY_IMPORTANCE_SAMPLING_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_POLICY_IMPORTANCE_SAMPLING_INL_H_

#include "server/kernels/forms/policy/policy_point-inl.h"

namespace lossd::kernels {

// φ = −A r, which is its own derivative.
struct ImportanceSampling : PolicyTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"importance_sampling", "-A r, r = exp(u - o)",
               "Kloek & van Dijk 1978, Bayesian Estimates of Equation System Parameters, "
               "Econometrica 46(1)"}
          .OfRatio();

  static constexpr bool kHasFloatTokens = true;

  template <typename V>
  static PolicyTerm<V> At(const PolicyPoint<V>& x, const FormParameters&) {
    const V value = MultiplyZeroWins(V(-x.advantage), x.ratio);
    const V slope = MultiplyZeroWins(x.moves, value);
    return {value, slope, slope};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_POLICY_IMPORTANCE_SAMPLING_INL_H_
