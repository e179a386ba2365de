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

  static constexpr bool kTellsOutcomes = true;

  template <typename F>
  static void WithUsualParameters(const FormParameters& parameters, F f) {
    if (parameters[1] == 2) {
      f(FormParameters{parameters[0], 2});
    } else {
      f(parameters);
    }
  }

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    const LogitTerm<V> yes = Positive(x, parameters);
    const LogitTerm<V> no = Negative(x, parameters);
    const auto positive = x.yes.target > V(typename V::value_type(0));
    return {xsimd::select(positive, yes.value, no.value),
            xsimd::select(positive, yes.first, no.first),
            xsimd::select(positive, yes.second, no.second)};
  }

  template <typename V>
  static LogitTerm<V> Positive(const LogitPoint<V>& x, const FormParameters&) {
    const V y = x.yes.target;
    return {y * BinaryCrossEntropy(x), y * ErrorOf(x.yes), y * (x.yes.p * x.no.p)};
  }

  template <typename V>
  static LogitTerm<V> Negative(const LogitPoint<V>& x, const FormParameters& parameters) {
    using T = typename V::value_type;
    const V alpha(static_cast<T>(parameters[0]));
    const V gamma(static_cast<T>(parameters[1]));
    const V p = x.yes.p;
    const V c = x.no.p;
    const V pc = p * c;
    const V focus = alpha * PowUnit(p, parameters[1]);
    const V cq = -MultiplyZeroWins(c, x.no.log_p);
    return {-MultiplyZeroWins(focus, x.no.log_p), focus * (gamma * cq + p),
            focus * (gamma * cq * (gamma * c - p) + (gamma + gamma + V(T(1))) * pc)};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_VARIFOCAL_INL_H_
