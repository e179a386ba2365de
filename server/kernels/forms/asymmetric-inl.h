#ifndef LOSSD_SERVER_KERNELS_FORMS_ASYMMETRIC_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_ASYMMETRIC_INL_H_

#include "server/kernels/forms/focal-inl.h"
#include "server/kernels/forms/logit_term-inl.h"
#include "server/kernels/simd/logarithm-inl.h"

namespace lossd::kernels {

// A negative's shifted probability p_m = max(p − margin, 0), margin > 0.
template <typename V>
struct ShiftedNegative {
  static ShiftedNegative Of(const LogitPoint<V>& x, const V& margin) {
    using T = typename V::value_type;
    const V shifted = x.yes.p - margin;
    ShiftedNegative negative;
    negative.active = shifted > V(T(0));
    negative.p_m = xsimd::select(negative.active, shifted, V(T(1)));
    negative.rest = x.no.p + margin;
    if constexpr (kIsFloat<V>) {
      negative.loss = -LogOfSum(negative.rest, V(-negative.p_m));
    } else {
      negative.loss = -xsimd::select(negative.p_m < V(T(0.5)), xsimd::log1p(-negative.p_m),
                                     xsimd::log(negative.rest));
    }
    return negative;
  }

  typename V::batch_bool_type active;  // p > margin
  V p_m;                               // elsewhere 1, by which one can divide
  V rest;                              // 1 − p_m
  V loss;                              // −log(1 − p_m)
};

// Positives are focal with gamma_positive. Negatives are p_m^γ (−log(1 − p_m)), γ = gamma_negative,
// with the shifted p_m = max(p − margin, 0), and the full gradient. With P = p_m, L = −log(1 − P),
// r = L / P and w = p (1 − p) = dP/dz:
//   first   = P^γ (γ r + 1/(1 − P)) w
//   second  = (γ (γ−1) P^(γ−1) r + 2 γ P^(γ−1)/(1 − P) + P^γ/(1 − P)²) w² + first (1 − 2p)
struct Asymmetric : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{
          "asymmetric",
          "a_1 (1-p)^gamma_positive (-log p) + a_0 p_m^gamma_negative (-log(1-p_m)), "
          "p_m = max(p - margin, 0)",
          "Ridnik et al. 2021, Asymmetric Loss For Multi-Label Classification, arXiv:2009.14119"}
          .SigmoidOnly()
          .With(Parameter("gamma_positive", 0, Range::AtLeast(0), "focusing of the positives"))
          .With(Parameter("gamma_negative", 4, Range::AtLeast(0), "focusing of the negatives"))
          .With(Parameter("margin", 0.05, Range::FromBelow(0, 1),
                          "probability below which a negative is left alone"));
  static constexpr Domain kDomain = Domain::kLogit;
  static constexpr bool kTellsOutcomes = true;
  static constexpr bool kReadsSubnormals = true;

  template <typename F>
  static void WithUsualParameters(const FormParameters& parameters, F f) {
    if (parameters[0] == 0 && parameters[1] == 4 && parameters[2] != 0) {
      f(FormParameters{0, 4, parameters[2]});
    } else {
      f(parameters);
    }
  }

  // x^exponent and x^(exponent − 1), x > 0. In float it takes no division for the usual exponents.
  template <typename V>
  struct PowersOf {
    V power;
    V power_1;
  };
  template <typename V>
  static PowersOf<V> Powers(const V& x, double exponent) {
    if (kIsFloat<V> && exponent >= 1) {
      const V power_1 = PowUnit(x, exponent - 1);
      return {power_1 * x, power_1};
    }
    const V power = PowUnit(x, exponent);
    return {power, power / x};
  }

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    const FormParameters focal = {parameters[0]};
    const V slope = Focal::Slope(x.yes, focal);
    const V second = x.no.p * (Focal::Curvature(x.yes, focal) - slope * x.yes.p);
    if constexpr (kIsFloat<V>) {
      return {Focal::Value(x.yes, focal), Focal::LogitSlope(x.yes, focal), second};
    }
    return {Focal::Value(x.yes, focal), slope * x.no.p, second};
  }

  template <typename V>
  static LogitTerm<V> No(const LogitPoint<V>& x, const FormParameters& parameters) {
    if (parameters[2] == 0) return UnshiftedNo(x, parameters);
    using T = typename V::value_type;
    const V zero(T(0));
    const V one(T(1));
    const double exponent = parameters[1];
    const V g(static_cast<T>(exponent));
    const auto [active, p_m, rest, loss] =
        ShiftedNegative<V>::Of(x, V(static_cast<T>(parameters[2])));
    const V r = loss / p_m;
    const V w = x.yes.p * x.no.p;
    const auto [power, power_1] = Powers(p_m, exponent);
    V first;
    V second;
    if constexpr (kIsFloat<V>) {
      first = (g * power_1 * loss + power / rest) * w;
      // The last term has c − p + w / (1 − P) in the way that does not cancel.
      const V margin(static_cast<T>(parameters[2]));
      second = g * power_1 *
                   ((g - one) * r * w * w + (w + w) * (w / rest) + loss * w * (x.no.p - x.yes.p)) +
               power * (w / rest) * (x.no.p - margin * (x.yes.p / rest));
    } else {
      first = power * (g * r + one / rest) * w;
      second =
          (g * (g - one) * power_1 * r + (g + g) * power_1 / rest + power / (rest * rest)) * w * w +
          first * (x.no.p - x.yes.p);
    }
    return {xsimd::select(active, power * loss, zero), xsimd::select(active, first, zero),
            xsimd::select(active, second, zero)};
  }

 private:
  // Returns the negative without a margin: focal on the other outcome.
  template <typename V>
  static LogitTerm<V> UnshiftedNo(const LogitPoint<V>& x, const FormParameters& parameters) {
    const FormParameters focal = {parameters[1]};
    const V slope = Focal::Slope(x.no, focal);
    return {Focal::Value(x.no, focal), -slope * x.yes.p,
            x.yes.p * (Focal::Curvature(x.no, focal) - slope * x.no.p)};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_ASYMMETRIC_INL_H_
