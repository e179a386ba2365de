#ifndef LOSSD_SERVER_KERNELS_FORMS_POLICY_SAPO_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_POLICY_SAPO_INL_H_

#include "server/kernels/forms/policy/policy_point-inl.h"
#include "server/kernels/simd/exponential-inl.h"

namespace lossd::kernels {

// φ = −A (4 / τ) σ(τ (r − 1)), where τ depends on the sign of A. With g = 4 σ (1 − σ) r:
//   φ′ = −A g,  φ″ = −A g (1 + τ r (1 − 2 σ))
struct Sapo : PolicyTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"sapo",
               "-A (4 / tau) sigmoid(tau (r - 1)), tau = tau_positive where A > 0, else "
               "tau_negative; r = exp(u - o)",
               "Gao et al. 2025, Soft Adaptive Policy Optimization, arXiv:2511.20347"}
          .OfRatio()
          .With(Parameter("tau_positive", 1, Range::Above(0),
                          "how fast the gate closes where the advantage is above 0"))
          .With(Parameter("tau_negative", 1.05, Range::Above(0), "the same where it is not"));

  template <typename V>
  static PolicyTerm<V> At(const PolicyPoint<V>& x, const FormParameters& parameters) {
    const V one(1.0);
    const V tau = xsimd::select(x.advantage > V(0.0), ParameterOf<V>(parameters, 0),
                                ParameterOf<V>(parameters, 1));
    const V z = tau * (x.ratio - one);
    const V e = ExpNonPositive(V(-xsimd::abs(z)));
    const V larger = one / (one + e);
    const V smaller = e * larger;
    const V gate = SelectBySign(z, smaller, larger);
    const V a = -x.advantage;
    // Where e is 0, so is the product, also with an infinite ratio.
    const V g = MultiplyZeroWins(V(V(4.0) * smaller * larger), x.ratio);
    const V slope = MultiplyZeroWins(x.moves, MultiplyZeroWins(a, g));
    const V bend = MultiplyZeroWins(slope, one + tau * x.ratio * (one - (gate + gate)));
    return {MultiplyZeroWins(a, V(4.0) / tau * gate), slope, bend};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_POLICY_SAPO_INL_H_
