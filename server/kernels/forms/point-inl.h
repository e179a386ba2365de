#ifndef LOSSD_SERVER_KERNELS_FORMS_POINT_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_POINT_INL_H_

#include <type_traits>
#include <xsimd/xsimd.hpp>

#include "server/kernels/form_info.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/select-inl.h"

namespace lossd::kernels {

// A class as a form sees it, a SIMD register of samples or classes at a time. Each of the first
// three is accurate relative to itself, however close p is to 0 or to 1: a form that needs 1 − p
// takes `one_minus_p` and never subtracts.
template <typename V>
struct Point {
  V log_p;
  V p;
  V one_minus_p;
  V target;  // y, smoothed; read by forms that compare p with it
  // log y, in float where the form has kReadsLogTarget, and where it has kTakesLogTargets.
  V log_target = V(typename V::value_type(0));
  // A constant of the row, which forms with kShifts take off dψ/dp. Since the p of a row add up to
  // 1, it changes no derivative by the logits; terms that would cancel in them can be taken off
  // here.
  V shift = V(typename V::value_type(0));
};

// What the three functions of a form return.
template <typename V>
struct FormValues {
  V value;
  V slope;
  V curvature;
};

// True in float, where a form may take other ways than in double: shorter, or accurate enough.
template <typename V>
inline constexpr bool kIsFloat = std::is_same_v<typename V::value_type, float>;

// Returns log y.
template <typename V>
inline V LogTarget(const Point<V>& x) {
  if constexpr (kIsFloat<V>) {
    return x.log_target;
  } else {
    return xsimd::log(x.target);
  }
}

// How a form's terms are weighted and summed.
//  kTruth:   loss = Σ_k a_k φ(log p_k), a_k = class weight · target
//  kWhole:   loss = w Σ_k ψ(log p_k; y_k), one weight for the sample
enum class Weighting { kTruth, kWhole };

// The argument of a form.
//  kLogProbability:  each class's log p; softmax and sigmoid follow by the chain rule
//  kLogit:           the logit of a sigmoid; the form gives the derivatives by it
//  kRatio:           log p of the true class and the ratio to an old policy (see policy/)
enum class Domain { kLogProbability, kLogit, kRatio };

// The default traits; a form derives from them and overrides its own.
//
// A form provides three functions of a Point and the form's parameters, as derivatives with respect
// to u = log p:
//   Value      φ(u)
//   Slope      φ′(u)
//   Curvature  φ″(u) (1 − p): the factor cancels the pole that (1 − p)^γ has at p = 1
// Everything else (the chain rule to the logits, weights, reductions) is shared. A kLogit form
// gives Yes and No instead, the terms of the two outcomes (see logit_term-inl.h).
struct FormTraits {
  static constexpr Domain kDomain = Domain::kLogProbability;
  static constexpr Weighting kWeighting = Weighting::kTruth;
  // The loss has the constant Σ_k a_k log y_k added.
  static constexpr bool kAddsTargetEntropy = false;
  // The form has a function Shift, evaluated at the row's largest class, for Point::shift.
  static constexpr bool kShifts = false;
  // The form reads Point::log_target.
  static constexpr bool kReadsLogTarget = false;
  // The form reads Point::log_target of a softmax's targets, of which some are too small for their
  // type.
  static constexpr bool kTakesLogTargets = false;
  // The form of a sample whose targets are 0 but for a true class, of target 1: as a function of
  // that class's log p, Σ φ. kTruth forms are that themselves.
  using OneTarget = void;
  // The same of a sigmoid's element, where it is another form than that.
  using OneTargetOfElement = void;
  // The derivatives have numbers well above 1 times a probability, so that one below the normal
  // numbers of its type counts.
  static constexpr bool kReadsSubnormals = false;
  // The two outcomes differ by more than the sign of the logit: elements of label 1 take the form's
  // function Positive, those of label 0 its Negative.
  static constexpr bool kTellsOutcomes = false;
  // The form is a sigmoid's of another logit, its function MovedLogit, of which its function
  // Outcome makes the term.
  static constexpr bool kMovesLogit = false;
  // Returns true when float does for these parameters, which are no numbers of unusual size.
  LOSSD_ALWAYS_INLINE static bool FitsFloat(const FormParameters&) { return true; }
  // The form has a function InFloat, whose FormValues share their logarithms and exponentials.
  static constexpr bool kHasFloatValues = false;
  // In float, the form does for softmax rows with any targets.
  static constexpr bool kTakesFloatTargets = true;
  // The form is −log p, or that and a constant.
  static constexpr bool kIsCrossEntropy = false;
  // The form is (p − y)².
  static constexpr bool kIsSquaredError = false;
  // The form has a function LogitSlope, φ′(u) (1 − p) by a shorter way.
  static constexpr bool kHasLogitSlope = false;
  // Calls f with `parameters`. A form may pass constants instead where they have common values, so
  // that the compiler makes a loop of its own for them.
  template <typename F>
  static void WithUsualParameters(const FormParameters& parameters, F f) {
    f(parameters);
  }
  // Sigmoid: the terms of "no" (log of 1 − sigmoid) count as well as those of "yes".
  static constexpr bool kBothSides = true;
};

template <typename Form>
using OneTargetOf =
    std::conditional_t<std::is_void_v<typename Form::OneTarget>, Form, typename Form::OneTarget>;

// True for forms that rows with one true class need less for than every class's log p.
template <typename Form>
inline constexpr bool kHasHardLabels =
    Form::kWeighting == Weighting::kTruth || Form::kIsSquaredError ||
    !std::is_void_v<typename Form::OneTarget>;

// True for forms that, of a sample with one true class, are a function of its log p alone.
template <typename Form>
inline constexpr bool kIsOfTruth =
    Form::kWeighting == Weighting::kTruth || !std::is_void_v<typename Form::OneTarget>;

// Returns the derivative of φ(log p) by the logit that raises p.
template <typename Form, typename V>
inline V SlopeByLogit(const Point<V>& x, const FormParameters& parameters) {
  if constexpr (Form::kHasLogitSlope) {
    return Form::LogitSlope(x, parameters);
  } else {
    return Form::Slope(x, parameters) * x.one_minus_p;
  }
}

// Returns x^exponent for x in [0, 1] and exponent ≥ 0; 0⁰ = 1.
template <typename V>
LOSSD_ALWAYS_INLINE inline V PowUnit(const V& x, double exponent) {
  using T = typename V::value_type;
  if (exponent == 0) return V(T(1));
  if (exponent == 0.5) return xsimd::sqrt(x);
  if (exponent == 1) return x;
  if (exponent == 2) return x * x;
  if (exponent == 3) return x * x * x;
  return ExpNonPositive(V(V(static_cast<T>(exponent)) * xsimd::log(x)));
}

// Returns a · b, and 0 where a is 0 even if b is infinite.
template <typename V>
inline V MultiplyZeroWins(const V& a, const V& b) {
  const V zero(typename V::value_type(0));
  return xsimd::select(a == zero, zero, a * b);
}

// Returns p − y, by way of 1 − p where p is the larger, so that an almost right answer keeps its
// digits.
template <typename V>
inline V ErrorOf(const Point<V>& x) {
  const V one(typename V::value_type(1));
  return xsimd::select(x.p < x.one_minus_p, x.p - x.target, (one - x.target) - x.one_minus_p);
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_POINT_INL_H_
