#ifndef LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENT_TERMS_INL_H_
#define LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENT_TERMS_INL_H_

#include <limits>
#include <type_traits>

#include "server/kernels/forms/logit_term-inl.h"
#include "server/kernels/forms/point-inl.h"
#include "server/kernels/hessian.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/logarithm-inl.h"

namespace lossd::kernels {

// The terms of a sigmoid's elements, a register of them at a time, before any weight.
template <typename Form, typename V>
class ElementTerms {
 public:
  using T = typename V::value_type;
  using Parts = SigmoidParts<V>;
  static constexpr bool kWhole = Form::kWeighting == Weighting::kWhole;

  // Returns the exponential that the terms are made of. `z` is the logit, times the label's sign
  // where there is one.
  LOSSD_ALWAYS_INLINE static V ExpOf(const V& z, const FormParameters& parameters) {
    if constexpr (Form::kMovesLogit) {
      return Parts::ExpOf(Form::MovedLogit(z, parameters));
    } else if constexpr (Form::kReadsSubnormals && kIsFloat<V>) {
      return ExpToSubnormal(V(z | V(T(-0.0))));
    } else {
      return Parts::ExpOf(z);  // the sign does not change |z|
    }
  }

  // Returns the point of the outcome that a larger z makes likelier.
  LOSSD_ALWAYS_INLINE static Point<V> PointAt(const V& z) { return LikelierBy(z, Parts::Of(z)); }

  // Returns the same point by ExpOf of z or −z, where that is of use.
  LOSSD_ALWAYS_INLINE static Point<V> PointOf(const V& z, const V& e) {
    if constexpr (Form::kMovesLogit) {
      return PointAt(z);
    } else {
      return LikelierBy(z, Parts::OfExp(e));
    }
  }

  // Returns the term of the outcome that the label names, with derivatives by the logit that raises
  // its probability. `e` is ExpOf(sign · logit).
  LOSSD_ALWAYS_INLINE static LogitTerm<V> OfHardLabel(const V& sign, const V& logit, const V& e,
                                                      const FormParameters& parameters,
                                                      Curvature curvature) {
    const V z = sign * logit;
    if constexpr (Form::kMovesLogit) {
      const Point<V> moved = LikelierBy(Form::MovedLogit(z, parameters), Parts::OfExp(e));
      const LogitTerm<V> term = Form::Outcome(z, moved, parameters);
      if (curvature == Curvature::kExact) return term;
      return WithPositiveCurvature(term, PointAt(z).p);
    } else if constexpr (Form::kTellsOutcomes) {
      return OfOutcome(sign, MakePoint(logit, e, V(T(1)), V(T(0))), parameters, curvature);
    } else {
      const Point<V> x = LikelierBy(z, Parts::OfExp(e));
      return OfPoint<FormAtHardLabel>(x, parameters, curvature);
    }
  }

  // The terms of both outcomes, with derivatives by the logit; a form with Weighting::kWhole has
  // its one term in `yes`.
  struct Both {
    LogitTerm<V> yes;
    LogitTerm<V> no;
  };

  // Returns the terms for targets y with 0 < y < 1. `e` is ExpOf(logit).
  LOSSD_ALWAYS_INLINE static Both OfTarget(const V& logit, const V& e, const V& y, const V& rest,
                                           const FormParameters& parameters, Curvature curvature) {
    if constexpr (Form::kMovesLogit) {
      return OfMovedTarget(logit, e, parameters, curvature);
    } else {
      const LogitPoint<V> x = MakePoint(logit, e, y, rest);
      Both terms;
      if constexpr (Form::kDomain == Domain::kLogit) {
        terms.yes = Form::Yes(x, parameters);
        if constexpr (!kWhole) {
          terms.no = Form::No(x, parameters);
          ClipBoth(x.yes.p, x.no.p, curvature, terms);
        }
      } else {
        terms.yes = OfPoint<Form>(x.yes, parameters, curvature);
        terms.no = OfPoint<Form>(x.no, parameters, curvature);
        terms.no.first = -terms.no.first;
        if constexpr (Form::kAddsTargetEntropy) {
          terms.yes.value += x.yes.log_target;
          terms.no.value += x.no.log_target;
        }
        if constexpr (kWhole && Form::kBothSides) terms.yes = Sum(terms.yes, terms.no);
      }
      return terms;
    }
  }

  LOSSD_ALWAYS_INLINE static LogitTerm<V> Sum(const LogitTerm<V>& a, const LogitTerm<V>& b) {
    return {a.value + b.value, a.first + b.first, a.second + b.second};
  }

 private:
  using FormAtHardLabel = std::conditional_t<std::is_void_v<typename Form::OneTargetOfElement>,
                                             OneTargetOf<Form>, typename Form::OneTargetOfElement>;

  // Returns a term by the logit that raises p, from the form's by log p.
  template <typename OfLogP>
  LOSSD_ALWAYS_INLINE static LogitTerm<V> OfPoint(const Point<V>& x,
                                                  const FormParameters& parameters,
                                                  Curvature curvature) {
    const V zero(T(0));
    const auto clip = [&](const V& curved) LOSSD_ALWAYS_INLINE {
      const bool clips = !kWhole && curvature == Curvature::kPositive;
      return clips ? V(xsimd::select(curved < zero, zero, curved)) : curved;
    };
    if constexpr (OfLogP::kHasFloatValues && kIsFloat<V>) {
      const FormValues<V> of = OfLogP::InFloat(x, parameters);
      return {of.value, of.slope * x.one_minus_p,
              x.one_minus_p * (clip(of.curvature) - of.slope * x.p)};
    } else {
      const V curved = clip(OfLogP::Curvature(x, parameters));
      const V sloped = OfLogP::Slope(x, parameters) * x.p;
      return {OfLogP::Value(x, parameters), SlopeByLogit<OfLogP>(x, parameters),
              x.one_minus_p * (curved - sloped)};
    }
  }

  // Returns OfHardLabel of a form that tells its outcomes apart by more than the logit's sign.
  LOSSD_ALWAYS_INLINE static LogitTerm<V> OfOutcome(const V& sign, const LogitPoint<V>& x,
                                                    const FormParameters& parameters,
                                                    Curvature curvature) {
    const LogitTerm<V> yes = Positive(x, parameters);
    const LogitTerm<V> no = Negative(x, parameters);
    const LogitTerm<V> term = {SelectBySign(sign, no.value, yes.value),
                               SelectBySign(sign, V(-no.first), yes.first),
                               SelectBySign(sign, no.second, yes.second)};
    if (kWhole || curvature == Curvature::kExact) return term;
    return WithPositiveCurvature(term, SelectBySign(sign, x.no.p, x.yes.p));
  }

  LOSSD_ALWAYS_INLINE static LogitTerm<V> Positive(const LogitPoint<V>& x,
                                                   const FormParameters& parameters) {
    if constexpr (kWhole) {
      return Form::Positive(x, parameters);
    } else {
      return Form::Yes(x, parameters);
    }
  }
  LOSSD_ALWAYS_INLINE static LogitTerm<V> Negative(const LogitPoint<V>& x,
                                                   const FormParameters& parameters) {
    if constexpr (kWhole) {
      return Form::Negative(x, parameters);
    } else {
      return Form::No(x, parameters);
    }
  }

  LOSSD_ALWAYS_INLINE static Both OfMovedTarget(const V& logit, const V& e,
                                                const FormParameters& parameters,
                                                Curvature curvature) {
    const V moved = Form::MovedLogit(logit, parameters);
    const auto parts = Parts::OfExp(e);
    Both terms;
    terms.yes = Form::Outcome(logit, LikelierBy(moved, parts), parameters);
    const V other = -logit;
    if (Form::IsOdd(parameters)) {
      terms.no = Form::Outcome(other, LikelierBy(V(-moved), parts), parameters);
    } else {
      terms.no = Form::Outcome(other, PointAt(Form::MovedLogit(other, parameters)), parameters);
    }
    terms.no.first = -terms.no.first;
    if (curvature == Curvature::kPositive) {
      const Point<V> x = PointAt(logit);
      ClipBoth(x.p, x.one_minus_p, curvature, terms);
    }
    return terms;
  }

  LOSSD_ALWAYS_INLINE static LogitPoint<V> MakePoint(const V& logit, const V& e, const V& y,
                                                     const V& rest) {
    LogitPoint<V> x = SigmoidOf(logit, Parts::OfExp(e));
    x.yes.target = y;
    x.no.target = rest;
    if constexpr (Form::kReadsLogTarget || Form::kAddsTargetEntropy) {
      // Numbers below the normal ones are scaled, so that their logarithm is right too.
      const V limit(std::numeric_limits<T>::min());
      const auto is_small = y < limit;
      const V log = LogOfSum(V(xsimd::select(is_small, y * V(T(0x1p32)), y)), V(-rest));
      constexpr T kShift = T(22.180709777918249);  // 32 log 2
      x.yes.log_target = log - xsimd::select(is_small, V(kShift), V(T(0)));
      x.no.log_target = LogOfSum(rest, V(-y));
    }
    return x;
  }

  LOSSD_ALWAYS_INLINE static void ClipBoth(const V& p, const V& other_p, Curvature curvature,
                                           Both& terms) {
    if (curvature == Curvature::kExact) return;
    terms.yes = WithPositiveCurvature(terms.yes, p);
    terms.no.first = -terms.no.first;
    terms.no = WithPositiveCurvature(terms.no, other_p);
    terms.no.first = -terms.no.first;
  }

  // Returns `term`, whose derivatives are by the logit that raises p and hold φ″ (1 − p)² and
  // −φ′ p (1 − p) together, with max(φ″, 0).
  LOSSD_ALWAYS_INLINE static LogitTerm<V> WithPositiveCurvature(LogitTerm<V> term, const V& p) {
    const V slope_part = term.first * p;
    const V curved_part = term.second + slope_part;
    term.second = xsimd::select(curved_part < V(T(0)), -slope_part, term.second);
    return term;
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENT_TERMS_INL_H_
