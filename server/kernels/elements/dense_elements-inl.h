#ifndef LOSSD_SERVER_KERNELS_ELEMENTS_DENSE_ELEMENTS_INL_H_
#define LOSSD_SERVER_KERNELS_ELEMENTS_DENSE_ELEMENTS_INL_H_

#include <cstdint>

#include "server/kernels/dense_elements.h"
#include "server/kernels/forms/logit_term-inl.h"
#include "server/kernels/forms/point-inl.h"
#include "server/kernels/hessian.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

// The kernel of every form for sigmoid elements with any target.
template <typename Form, typename Arch>
class DenseElementsKernel {
 public:
  LOSSD_FLATTEN static void Run(const DenseElements& all, const FormParameters& parameters) {
    for (int64_t i = 0; i < all.count; i += kWidth) RunRegister(all, i, parameters);
  }

 private:
  using D = Lanes<double, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(D::size);
  static constexpr bool kWhole = Form::kWeighting == Weighting::kWhole;
  static constexpr bool kOverLogit = Form::kDomain == Domain::kLogit;
  // The Yes of a kLogit form that weighs its elements whole is the whole element.
  static constexpr bool kBothSides = Form::kBothSides && !(kOverLogit && kWhole);

  using Term = LogitTerm<D>;

  static void RunRegister(const DenseElements& all, int64_t i, const FormParameters& parameters) {
    LogitPoint<D> x = Sigmoid(D::load_unaligned(all.logits + i));
    x.yes.target = D::load_unaligned(all.targets + i);
    x.no.target = D(1.0) - x.yes.target;
    const Term sum = Sum(all, i, x, parameters);
    sum.value.store_unaligned(all.losses + i);
    sum.first.store_unaligned(all.gradient + i);
    if (all.hessian != nullptr) sum.second.store_unaligned(all.hessian + i);
    x.yes.p.store_unaligned(all.probabilities + i);
    x.yes.one_minus_p.store_unaligned(all.one_minus_probabilities + i);
  }

  static Term Sum(const DenseElements& all, int64_t i, const LogitPoint<D>& x,
                  const FormParameters& parameters) {
    const D yes_weight = D::load_unaligned((kWhole ? all.whole_weight : all.positive_weight) + i);
    Term sum = Weigh(yes_weight, Yes(all, x, parameters, yes_weight));
    if constexpr (kBothSides) {
      const D no_weight = D::load_unaligned((kWhole ? all.whole_weight : all.negative_weight) + i);
      const Term no = Weigh(no_weight, No(all, x, parameters, no_weight));
      sum = {sum.value + no.value, sum.first + no.first, sum.second + no.second};
    }
    return sum;
  }

  static Term Yes(const DenseElements& all, const LogitPoint<D>& x,
                  const FormParameters& parameters, const D& weight) {
    if constexpr (kOverLogit) {
      return Clip(all, Form::Yes(x, parameters), x.yes.p, 1);
    } else {
      return Chain(all, x.yes, parameters, weight);
    }
  }

  static Term No(const DenseElements& all, const LogitPoint<D>& x, const FormParameters& parameters,
                 const D& weight) {
    if constexpr (kOverLogit) {
      return Clip(all, Form::No(x, parameters), x.no.p, -1);
    } else {
      Term term = Chain(all, x.no, parameters, weight);
      term.first = -term.first;
      return term;
    }
  }

  // Returns a term with derivatives by the logit that raises p, from the form's by log p.
  static Term Chain(const DenseElements& all, const Point<D>& x, const FormParameters& parameters,
                    const D& weight) {
    D value = Form::Value(x, parameters);
    if constexpr (Form::kAddsTargetEntropy) {
      value += xsimd::log(xsimd::select(weight == D(0.0), D(1.0), x.target));
    }
    const D slope = Form::Slope(x, parameters);
    D curvature = Form::Curvature(x, parameters);
    if (all.curvature == Curvature::kPositive && !kWhole) {
      curvature = xsimd::select(curvature < D(0.0), D(0.0), curvature);
    }
    return {value, slope * x.one_minus_p, x.one_minus_p * (curvature - slope * x.p)};
  }

  // Returns `term` with the max(φ″, 0) of Curvature::kPositive. Its derivatives are by the logit
  // and hold φ″ (1 − p)² and −φ′ p (1 − p) together.
  static Term Clip(const DenseElements& all, Term term, const D& p, double sign) {
    if (all.curvature != Curvature::kPositive || kWhole) return term;
    const D slope_part = D(sign) * term.first * p;
    const D curved_part = term.second + slope_part;
    term.second = xsimd::select(curved_part < D(0.0), -slope_part, term.second);
    return term;
  }

  static Term Weigh(const D& weight, const Term& term) {
    return {Weighted(weight, term.value), Weighted(weight, term.first),
            Weighted(weight, term.second)};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ELEMENTS_DENSE_ELEMENTS_INL_H_
