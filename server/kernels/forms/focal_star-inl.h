#ifndef LOSSD_SERVER_KERNELS_FORMS_FOCAL_STAR_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_FOCAL_STAR_INL_H_

#include <cmath>

#include "server/kernels/forms/logit_term-inl.h"

namespace lossd::kernels {

// −log σ(γ s z + β) / γ, s = 1 for "yes" and −1 for "no".
struct FocalStar : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{
          "focal_star", "sum_k a_k -log sigmoid(gamma s_k z + beta) / gamma, s = +1 or -1",
          "Lin et al. 2017, Focal Loss for Dense Object Detection, appendix A, arXiv:1708.02002"}
          .SigmoidOnly()
          .With(Parameter("gamma", 2, Range::Above(0), "steepness"))
          .With(Parameter("beta", 0, Range::Any(), "shift"));
  static constexpr Domain kDomain = Domain::kLogit;

  static constexpr bool kMovesLogit = true;

  // In float γ z and β keep the digits of small losses.
  LOSSD_ALWAYS_INLINE static bool FitsFloat(const FormParameters& parameters) {
    constexpr double kMost = 64;
    return parameters[0] >= 1 / kMost && parameters[0] <= kMost && std::abs(parameters[1]) <= kMost;
  }

  template <typename F>
  static void WithUsualParameters(const FormParameters& parameters, F f) {
    if (parameters[1] == 0) {
      f(FormParameters{parameters[0], 0});
    } else {
      f(parameters);
    }
  }

  // Returns γ z + β.
  template <typename V>
  static V MovedLogit(const V& z, const FormParameters& parameters) {
    const V gamma(static_cast<typename V::value_type>(parameters[0]));
    const V beta(static_cast<typename V::value_type>(parameters[1]));
    if constexpr (kIsFloat<V>) return xsimd::fma(gamma, z, beta);
    return gamma * z + beta;
  }

  // Returns true when the moved logit of −z is minus that of z.
  static bool IsOdd(const FormParameters& parameters) { return parameters[1] == 0; }

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    const V moved = MovedLogit(x.logit, parameters);
    return Outcome(x.logit, LikelierBy(moved, SigmoidParts<V>::Of(moved)), parameters);
  }
  template <typename V>
  static LogitTerm<V> No(const LogitPoint<V>& x, const FormParameters& parameters) {
    const V logit = -x.logit;
    const V moved = MovedLogit(logit, parameters);
    LogitTerm<V> term = Outcome(logit, LikelierBy(moved, SigmoidParts<V>::Of(moved)), parameters);
    term.first = -term.first;
    return term;
  }

  // Returns the term of the outcome that a larger z makes likelier, from the point of its moved
  // logit.
  template <typename V>
  static LogitTerm<V> Outcome(const V& z, const Point<V>& x, const FormParameters& parameters) {
    const V gamma(static_cast<typename V::value_type>(parameters[0]));
    V value = -x.log_p / gamma;
    if constexpr (kIsFloat<V>) {
      // Where e^x is 0 the loss is −(z + β / γ), also where γ z is beyond the type's range.
      const V shift(static_cast<typename V::value_type>(parameters[1] / parameters[0]));
      value = xsimd::select(x.p == V(typename V::value_type(0)), -(z + shift), value);
    }
    return {value, -x.one_minus_p, gamma * x.p * x.one_minus_p};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_FOCAL_STAR_INL_H_
