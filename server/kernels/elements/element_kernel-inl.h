#ifndef LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENT_KERNEL_INL_H_
#define LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENT_KERNEL_INL_H_

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "server/kernels/elements.h"
#include "server/kernels/elements/element_tail-inl.h"
#include "server/kernels/elements/element_terms-inl.h"
#include "server/kernels/hessian.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"

namespace lossd::kernels {

// What elements are labelled with: signs for 0 and 1, or targets.
enum class LabelRule { kHard, kTargets };

// Whether a factor may be 0, so that its product is 0 whatever the other number is.
enum class FactorRule { kNever0, kMayBe0 };

// The kernel of sigmoid elements: the form is its policy.
template <typename Form, typename T, typename Arch>
class ElementKernel {
 public:
  static void Run(const Elements<T>& all, const FormParameters& parameters) {
    if (all.targets == nullptr) return RunAll<LabelRule::kHard>(all, parameters);
    if constexpr (std::is_same_v<T, float>) RunAll<LabelRule::kTargets>(all, parameters);
  }

 private:
  using V = Lanes<T, Arch>;
  using Terms = ElementTerms<Form, V>;
  static constexpr bool kWhole = Terms::kWhole;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kExpsAtOnce = 256;

  template <LabelRule kLabels>
  static void RunAll(const Elements<T>& all, const FormParameters& parameters) {
    const int64_t whole = all.count / kWidth * kWidth;
    RunWhole<kLabels>(all, whole, parameters);
    if (whole == all.count) return;
    RunTail<T, Arch>(all, whole, parameters, &RunWhole<kLabels>);
  }

  // Takes its arguments by value, so that they stay in registers: the stores of a loop could change
  // what a reference refers to.
  template <LabelRule kLabels>
  LOSSD_NOINLINE LOSSD_FLATTEN static void RunWhole(const Elements<T> all, int64_t whole,
                                                    const FormParameters parameters) {
    if (IsForTraining(all)) {
      Form::WithUsualParameters(parameters, [&](const FormParameters& known) LOSSD_ALWAYS_INLINE {
        RunForTraining<kLabels>(all, whole, known);
      });
      return;
    }
    ForEachRegister<kLabels>(all, whole, parameters,
                             [&](int64_t i, const V& e) LOSSD_ALWAYS_INLINE {
                               RunRegister<kLabels>(all, i, e, parameters);
                             });
  }

  // Returns true when nothing is asked for but what training takes, by factors that all elements
  // share and of which none is 0.
  static bool IsForTraining(const Elements<T>& all) {
    const ElementFactors<T>& f = all.factors;
    return all.positive_weight == nullptr && all.losses != nullptr && all.gradient != nullptr &&
           all.hessian == nullptr && all.probabilities == nullptr &&
           all.true_probability == nullptr && f.positive_weight * f.sample_weight != 0 &&
           f.negative_weight * f.sample_weight != 0 && f.positive_weight * f.gradient_scale != 0 &&
           f.negative_weight * f.gradient_scale != 0;
  }

  // Calls f(i, e) for each register of elements, with the exponential that its terms are made of.
  // Exponentials go first. A CPU looks ahead no further than two or three registers of the whole
  // computation, too few to fill the waits of one by the arithmetic of the others.
  template <LabelRule kLabels, typename F>
  LOSSD_ALWAYS_INLINE static void ForEachRegister(const Elements<T>& all, int64_t whole,
                                                  const FormParameters& parameters, F f) {
    const T* const logits = all.logits;
    const T* const signs = all.sign;
    alignas(64) T exps[static_cast<size_t>(kExpsAtOnce)];
    for (int64_t begin = 0; begin < whole; begin += kExpsAtOnce) {
      const int64_t end = std::min(whole, begin + kExpsAtOnce);
      for (int64_t i = begin; i < end; i += kWidth) {
        V z = V::load_unaligned(logits + i);
        if constexpr (Form::kMovesLogit && kLabels == LabelRule::kHard) {
          z = V::load_unaligned(signs + i) * z;
        }
        Terms::ExpOf(z, parameters).store_aligned(exps + (i - begin));
      }
      for (int64_t i = begin; i < end; i += kWidth) f(i, V::load_aligned(exps + (i - begin)));
    }
  }

  // The factors of the two outcomes in one of the results.
  struct Factors {
    V positive;
    V negative;
  };

  // The factors of loss and derivatives.
  struct AllFactors {
    Factors loss, gradient, hessian;
  };

  static AllFactors UniformFactors(const ElementFactors<T>& f) {
    const auto scaled = [&](T scale) -> Factors {
      return {V(f.positive_weight * scale), V(f.negative_weight * scale)};
    };
    return {scaled(f.sample_weight), scaled(f.gradient_scale), scaled(f.hessian_scale)};
  }

  static AllFactors FactorsAt(const Elements<T>& all, int64_t i) {
    if (all.positive_weight == nullptr) return UniformFactors(all.factors);
    const V positive = V::load_unaligned(all.positive_weight + i);
    const V negative = V::load_unaligned(all.negative_weight + i);
    const auto scaled = [&](const T* scales) -> Factors {
      const V scale = V::load_unaligned(scales + i);
      return {positive * scale, negative * scale};
    };
    return {scaled(all.sample_weight), scaled(all.gradient_scale), scaled(all.hessian_scale)};
  }

  // What a register of elements makes.
  struct Results {
    V loss, gradient, hessian;
    V slope;           // the derivative, unweighted: by the truth's logit, or with targets by z
    V weighted_slope;  // with targets alone
  };

  // Computes what training asks for. No factor is 0, so that a register needs no branch; the bits
  // are RunRegister's.
  template <LabelRule kLabels>
  LOSSD_ALWAYS_INLINE static void RunForTraining(const Elements<T>& all, int64_t whole,
                                                 const FormParameters& parameters) {
    const AllFactors factors = UniformFactors(all.factors);
    T* const losses = all.losses;
    T* const gradient = all.gradient;
    const bool streams = all.stores == Stores::kStreaming && OnLine(gradient);
    ForEachRegister<kLabels>(all, whole, parameters,
                             [&](int64_t i, const V& e) LOSSD_ALWAYS_INLINE {
                               const Results results = Evaluate<kLabels, FactorRule::kNever0>(
                                   all, i, e, factors, parameters, Curvature::kExact);
                               results.loss.store_unaligned(losses + i);
                               Store(results.gradient, streams, gradient + i);
                             });
  }

  LOSSD_ALWAYS_INLINE static void Store(const V& v, bool streams, T* to) {
    if (streams) {
      StoreStreaming(v, to);
    } else {
      v.store_unaligned(to);
    }
  }

  template <LabelRule kLabels>
  LOSSD_ALWAYS_INLINE static void RunRegister(const Elements<T>& all, int64_t i, const V& e,
                                              const FormParameters& parameters) {
    const AllFactors factors = FactorsAt(all, i);
    const Results results =
        Evaluate<kLabels, FactorRule::kMayBe0>(all, i, e, factors, parameters, all.curvature);
    if (all.losses != nullptr) results.loss.store_unaligned(all.losses + i);
    if (all.gradient != nullptr) {
      const bool streams = all.stores == Stores::kStreaming && OnLine(all.gradient + i);
      Store(results.gradient, streams, all.gradient + i);
    }
    if (all.hessian != nullptr) {
      V h = results.hessian;
      const V floor(static_cast<T>(kHessianFloor));
      if (all.curvature == Curvature::kPositive) h = xsimd::select(h < floor, floor, h);
      h.store_unaligned(all.hessian + i);
    }
    const V logit = V::load_unaligned(all.logits + i);
    if (all.probabilities != nullptr) {
      Terms::PointOf(logit, e).p.store_unaligned(all.probabilities + i);
    }
    if (all.true_probability == nullptr) return;
    V sign;
    if constexpr (kLabels == LabelRule::kHard) {
      sign = V::load_unaligned(all.sign + i);
    } else {
      sign = xsimd::select(V::load_unaligned(all.targets + i) == V(T(0)), V(T(-1)), V(T(1)));
    }
    Terms::PointOf(V(sign * logit), e).p.store_unaligned(all.true_probability + i);
    results.slope.store_unaligned(all.true_gradient + i);
    if (all.weighted_gradient != nullptr) {
      results.weighted_slope.store_unaligned(all.weighted_gradient + i);
    }
  }

  template <LabelRule kLabels, FactorRule kFactors>
  LOSSD_ALWAYS_INLINE static Results Evaluate(const Elements<T>& all, int64_t i, const V& e,
                                              const AllFactors& factors,
                                              const FormParameters& parameters,
                                              Curvature curvature) {
    const V logit = V::load_unaligned(all.logits + i);
    if constexpr (kLabels == LabelRule::kHard) {
      const V sign = V::load_unaligned(all.sign + i);
      return EvaluateHard<kFactors>(sign, logit, e, factors, parameters, curvature);
    } else {
      const V y = V::load_unaligned(all.targets + i);
      const V rest = all.rests == nullptr ? V(T(1)) - y : V::load_unaligned(all.rests + i);
      Results soft = EvaluateTargets<kFactors>(logit, e, y, rest, factors, parameters, curvature);
      const auto is_positive = rest == V(T(0));
      const auto is_hard = is_positive | (y == V(T(0)));
      if (!xsimd::any(is_hard)) return soft;
      // A target of 0 or 1 makes the bits of that label.
      const V sign = xsimd::select(is_positive, V(T(1)), V(T(-1)));
      V e_hard = e;
      if constexpr (Form::kMovesLogit) e_hard = Terms::ExpOf(V(sign * logit), parameters);
      const Results hard =
          EvaluateHard<kFactors>(sign, logit, e_hard, factors, parameters, curvature);
      const V slope = sign * hard.slope;
      const V weight = xsimd::select(is_positive, factors.loss.positive, factors.loss.negative);
      return {xsimd::select(is_hard, hard.loss, soft.loss),
              xsimd::select(is_hard, hard.gradient, soft.gradient),
              xsimd::select(is_hard, hard.hessian, soft.hessian),
              xsimd::select(is_hard, slope, soft.slope),
              xsimd::select(is_hard, Times<kFactors>(weight, slope), soft.weighted_slope)};
    }
  }

  template <FactorRule kFactors>
  LOSSD_ALWAYS_INLINE static V Times(const V& factor, const V& value) {
    if constexpr (kFactors == FactorRule::kNever0) {
      return factor * value;
    } else {
      return Weighted(factor, value);
    }
  }

  // Returns the second derivative as a Hessian of this kind has it.
  static V Curved(const V& second, Curvature curvature) {
    return kWhole && curvature == Curvature::kPositive ? xsimd::abs(second) : second;
  }

  template <FactorRule kFactors>
  LOSSD_ALWAYS_INLINE static Results EvaluateHard(const V& sign, const V& logit, const V& e,
                                                  const AllFactors& factors,
                                                  const FormParameters& parameters,
                                                  Curvature curvature) {
    const LogitTerm<V> term = Terms::OfHardLabel(sign, logit, e, parameters, curvature);
    const auto of_label = [&](const Factors& f) LOSSD_ALWAYS_INLINE {
      return SelectBySign(sign, f.negative, f.positive);
    };
    const V by_logit = SelectBySign(sign, V(-factors.gradient.negative), factors.gradient.positive);
    return {Times<kFactors>(of_label(factors.loss), term.value),
            Times<kFactors>(by_logit, term.first),
            Times<kFactors>(of_label(factors.hessian), Curved(term.second, curvature)), term.first,
            term.first};
  }

  template <FactorRule kFactors>
  LOSSD_ALWAYS_INLINE static Results EvaluateTargets(const V& logit, const V& e, const V& y,
                                                     const V& rest, const AllFactors& factors,
                                                     const FormParameters& parameters,
                                                     Curvature curvature) {
    const auto [yes, no] = Terms::OfTarget(logit, e, y, rest, parameters, curvature);
    if constexpr (kWhole) {
      return {Times<kFactors>(factors.loss.positive, yes.value),
              Times<kFactors>(factors.gradient.positive, yes.first),
              Times<kFactors>(factors.hessian.positive, Curved(yes.second, curvature)), yes.first,
              Times<kFactors>(factors.loss.positive, yes.first)};
    } else {
      const auto sum = [&](const Factors& f, const V& of_yes, const V& of_no) LOSSD_ALWAYS_INLINE {
        return Times<kFactors>(f.positive, y * of_yes) + Times<kFactors>(f.negative, rest * of_no);
      };
      return {sum(factors.loss, yes.value, no.value), sum(factors.gradient, yes.first, no.first),
              sum(factors.hessian, yes.second, no.second), y * yes.first + rest * no.first,
              sum(factors.loss, yes.first, no.first)};
    }
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENT_KERNEL_INL_H_
