#ifndef LOSSD_SERVER_KERNELS_FORMS_VARIFOCAL_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_VARIFOCAL_INL_H_

#include "server/kernels/forms/logit_term-inl.h"

namespace lossd::kernels {

// Positives are weighted by their target, y BCE; negatives are focal, α p^γ BCE, where the weight
// p^γ is differentiated too.
struct Varifocal : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"varifocal", "y BCE(p, y) if t > 0, else alpha p^gamma BCE(p, 0)",
               "Zhang et al. 2021, VarifocalNet, arXiv:2008.13367"}
          .SigmoidOnly()
          .WithoutSmoothing()
          .With(Parameter("alpha", 0.75, Range::AtLeast(0), "weight of the negatives"))
          .With(Parameter("gamma", 2, Range::AtLeast(0), "focusing of the negatives"));
  static constexpr Domain kDomain = Domain::kLogit;
  static constexpr Weighting kWeighting = Weighting::kWhole;

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    using T = typename V::value_type;
    const V alpha(static_cast<T>(parameters[0]));
    const V gamma(static_cast<T>(parameters[1]));
    const V y = x.yes.target;
    const V p = x.yes.p;
    const V c = x.no.p;
    const V pc = p * c;
    const V focus = alpha * PowUnit(p, parameters[1]);
    const V cq = -MultiplyZeroWins(c, x.no.log_p);
    const LogitTerm<V> negative = {
        -MultiplyZeroWins(focus, x.no.log_p), focus * (gamma * cq + p),
        focus * (gamma * cq * (gamma * c - p) + (gamma + gamma + V(T(1))) * pc)};
    const auto positive = y > V(T(0));
    return {xsimd::select(positive, y * BinaryCrossEntropy(x), negative.value),
            xsimd::select(positive, y * ErrorOf(x.yes), negative.first),
            xsimd::select(positive, y * pc, negative.second)};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_VARIFOCAL_INL_H_
