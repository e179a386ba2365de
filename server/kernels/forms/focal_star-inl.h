#ifndef LOSSD_SERVER_KERNELS_FORMS_FOCAL_STAR_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_FOCAL_STAR_INL_H_

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

  template <typename V>
  static LogitTerm<V> Yes(const LogitPoint<V>& x, const FormParameters& parameters) {
    return Outcome(x.logit, parameters);
  }
  template <typename V>
  static LogitTerm<V> No(const LogitPoint<V>& x, const FormParameters& parameters) {
    LogitTerm<V> term = Outcome(-x.logit, parameters);
    term.first = -term.first;
    return term;
  }

 private:
  template <typename V>
  static LogitTerm<V> Outcome(const V& z, const FormParameters& parameters) {
    const V gamma(static_cast<typename V::value_type>(parameters[0]));
    const V beta(static_cast<typename V::value_type>(parameters[1]));
    const LogitPoint<V> x = Sigmoid(V(gamma * z + beta));
    return {-x.yes.log_p / gamma, -x.no.p, gamma * x.yes.p * x.no.p};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_FOCAL_STAR_INL_H_
