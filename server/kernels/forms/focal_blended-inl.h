#ifndef LOSSD_SERVER_KERNELS_FORMS_FOCAL_BLENDED_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_FOCAL_BLENDED_INL_H_

#include "server/kernels/forms/focal-inl.h"
#include "server/kernels/forms/logit_term-inl.h"

namespace lossd::kernels {

// M^γ BCE with M = y (1 − p) + (1 − y) p: focal with one modulating factor for a soft target. With
// r = p (1 − p) / M, s = 1 − 2 y, d = p − y and B the cross entropy:
//   first   = M^γ (γ s r B + d)
//   second  = M^γ (γ (γ−1) s² r² B + γ s r (1 − 2p) B + 2 γ s r d + p (1 − p))
struct FocalBlended : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"focal_blended",
               "M^gamma BCE(p, y), M = y (1 - p) + (1 - y) p: focal with soft_target_rule BLENDED",
               "Lin et al. 2017, arXiv:1708.02002, with targets blended as torchvision's "
               "sigmoid_focal_loss"}
          .VariantOf(Focal::kInfo)
          .SigmoidOnly();
  static constexpr Domain kDomain = Domain::kLogit;
  static constexpr Weighting kWeighting = Weighting::kWhole;
  using OneTargetOfElement = Focal;

  template <typename F>
  static void WithUsualParameters(const FormParameters& parameters, F f) {
    Focal::WithUsualParameters(parameters, f);
  }

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    using T = typename V::value_type;
    const V one(T(1));
    const V two(T(2));
    const V gamma(static_cast<T>(parameters[0]));
    const V y = x.yes.target;
    const V p = x.yes.p;
    const V c = x.no.p;
    const V blend = y * c + (one - y) * p;
    const V focus = PowUnit(blend, parameters[0]);
    // The quotient r does not divide 0 by 0 at the hard targets.
    const V r = xsimd::select(y == one, p, xsimd::select(y == V(T(0)), c, p * c / blend));
    const V s = one - two * y;
    const V d = ErrorOf(x.yes);
    const V bce = BinaryCrossEntropy(x);
    const V r_bce = MultiplyZeroWins(r, bce);
    const V second = gamma * (gamma - one) * s * s * r * r_bce + gamma * s * r_bce * (c - p) +
                     two * gamma * s * r * d + p * c;
    return {MultiplyZeroWins(focus, bce), focus * (gamma * s * r_bce + d), focus * second};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_FOCAL_BLENDED_INL_H_
