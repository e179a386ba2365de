#ifndef LOSSD_SERVER_KERNELS_FORMS_QUALITY_FOCAL_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_QUALITY_FOCAL_INL_H_

#include "server/kernels/forms/focal-inl.h"
#include "server/kernels/forms/logit_term-inl.h"

namespace lossd::kernels {

// |y − p|^β BCE(p, y). With d = p − y, m = |d|, w = p (1 − p) and B the cross entropy:
//   first   = β m^(β−1) sign(d) w B + m^β d
//   second  = β (β−1) m^(β−2) w² B + β m^(β−1) sign(d) w (1 − 2p) B + (2 β + 1) m^β w
// At p = y both are 0, but for the second at β = 0 (cross entropy) and at β ≥ 2.
struct QualityFocal : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"quality_focal", "|y - p|^beta BCE(p, y)",
               "Li et al. 2020, Generalized Focal Loss, arXiv:2006.04388"}
          .SigmoidOnly()
          .With(
              Parameter("beta", 2, Range::AtLeast(0).WithGap(0, 1), "focusing: 0, or 1 and more"));
  static constexpr Domain kDomain = Domain::kLogit;
  static constexpr Weighting kWeighting = Weighting::kWhole;
  using OneTargetOfElement = Focal;  // |y − p| is 1 − p of the label's outcome, and β is γ

  template <typename F>
  static void WithUsualParameters(const FormParameters& parameters, F f) {
    Focal::WithUsualParameters(parameters, f);
  }

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    using T = typename V::value_type;
    const double exponent = parameters[0];
    const V zero(T(0));
    const V beta(static_cast<T>(exponent));
    const V bce = BinaryCrossEntropy(x);
    const V d = ErrorOf(x.yes);
    const V m = xsimd::abs(d);
    const V w = x.yes.p * x.no.p;
    if (exponent == 0) return {bce, d, w};
    const V sign = xsimd::select(d < zero, V(T(-1)), V(T(1)));
    const V m_beta = PowUnit(m, exponent);
    const V m_beta_1 = PowUnit(m, exponent - 1);
    const V w_bce = MultiplyZeroWins(w, bce);
    V second =
        beta * m_beta_1 * sign * w_bce * (x.no.p - x.yes.p) + (beta + beta + V(T(1))) * m_beta * w;
    if (exponent != 1) {
      const V m_beta_2 =
          exponent >= 2 ? PowUnit(m, exponent - 2) : xsimd::select(m == zero, zero, m_beta_1 / m);
      second += beta * (beta - V(T(1))) * m_beta_2 * w * w_bce;
    }
    const V first = beta * m_beta_1 * sign * w_bce + m_beta * d;
    const auto exact = m == zero;
    return {MultiplyZeroWins(m_beta, bce), xsimd::select(exact, zero, first),
            exponent < 2 ? xsimd::select(exact, zero, second) : second};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_QUALITY_FOCAL_INL_H_
