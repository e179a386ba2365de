#ifndef LOSSD_SERVER_KERNELS_FORMS_ASYMMETRIC_DETACHED_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_ASYMMETRIC_DETACHED_INL_H_

#include "server/kernels/forms/asymmetric-inl.h"
#include "server/kernels/forms/logit_term-inl.h"

namespace lossd::kernels {

// Asymmetric's loss with derivatives that hold the focusing factors constant. With the factor w of
// the side, c = 1 − p, P = p_m and P' = p c:
//   yes:  first = −w c            second = w p c
//   no:   first = w p c / (1 − P)  second = first (c − margin p / (1 − P))
// as (p c)' = p c (c − p), and p c / (1 − P) − p = −margin p / (1 − P).
struct AsymmetricDetached : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"asymmetric_detached",
               "asymmetric with detach_focusing: derivatives hold the focusing factors constant",
               "Ridnik et al. 2021, arXiv:2009.14119, with factors detached as its code can"}
          .VariantOf(Asymmetric::kInfo)
          .SigmoidOnly();
  static constexpr Domain kDomain = Domain::kLogit;
  static constexpr bool kTellsOutcomes = true;
  static constexpr bool kReadsSubnormals = true;

  template <typename F>
  static void WithUsualParameters(const FormParameters& parameters, F f) {
    Asymmetric::WithUsualParameters(parameters, f);
  }

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    const V slope = -(PowUnit(x.no.p, parameters[0]) * x.no.p);
    return {Focal::Value(x.yes, {parameters[0]}), slope, -slope * x.yes.p};
  }

  template <typename V>
  static LogitTerm<V> No(const LogitPoint<V>& x, const FormParameters& parameters) {
    using T = typename V::value_type;
    if (parameters[2] == 0) {
      const V slope = PowUnit(x.yes.p, parameters[1]) * x.yes.p;
      return {Focal::Value(x.no, {parameters[1]}), slope, slope * x.no.p};
    }
    const V zero(T(0));
    const V margin(static_cast<T>(parameters[2]));
    const auto [active, p_m, rest, loss] = ShiftedNegative<V>::Of(x, margin);
    const V power = Asymmetric::Powers(p_m, parameters[1]).power;
    const V ratio = x.yes.p / rest;
    const V first = power * ratio * x.no.p;
    const V second = first * (x.no.p - margin * ratio);
    return {xsimd::select(active, power * loss, zero), xsimd::select(active, first, zero),
            xsimd::select(active, second, zero)};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_ASYMMETRIC_DETACHED_INL_H_
