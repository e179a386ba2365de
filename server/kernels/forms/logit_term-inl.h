#ifndef LOSSD_SERVER_KERNELS_FORMS_LOGIT_TERM_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_LOGIT_TERM_INL_H_

#include <limits>

#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// Returns true when `number` is a float's.
LOSSD_ALWAYS_INLINE inline bool IsFloat(double number) {
  constexpr double kMost = std::numeric_limits<float>::max();
  return number >= -kMost && number <= kMost &&
         static_cast<double>(static_cast<float>(number)) == number;
}

// An element as a kLogit form sees it.
template <typename V>
struct LogitPoint {
  V logit;
  Point<V> yes;  // log σ(z), σ(z), σ(−z); its target is y
  Point<V> no;
};

// A term of the loss and its derivatives with respect to the logit.
template <typename V>
struct LogitTerm {
  V value;
  V first;
  V second;
};

// The parts of both outcomes of a sigmoid, by exp(−|z|), so that neither 1 − p nor log p ever
// cancels.
template <typename V>
struct SigmoidParts {
  static V ExpOf(const V& z) {
    using T = typename V::value_type;
    return ExpNonPositive(V(z | V(T(-0.0))));
  }

  static SigmoidParts Of(const V& z) { return OfExp(ExpOf(z)); }

  // `e` is ExpOf(z).
  static SigmoidParts OfExp(const V& e) {
    const LogOnePlus<V> one_plus_e = LogOnePlusUnit(e);
    return {one_plus_e.inverse, V(e * one_plus_e.inverse), one_plus_e.log};
  }

  V larger;
  V smaller;
  V log1p_e;
};

// Returns the outcome that a larger z makes likelier; the caller sets its target.
template <typename V>
Point<V> LikelierBy(const V& z, const SigmoidParts<V>& parts) {
  Point<V> x;
  x.p = SelectBySign(z, parts.smaller, parts.larger);
  x.one_minus_p = SelectBySign(z, parts.larger, parts.smaller);
  x.log_p = xsimd::min(z, V(typename V::value_type(0))) - parts.log1p_e;
  return x;
}

// `parts` are those of z. The caller sets the targets.
template <typename V>
LogitPoint<V> SigmoidOf(const V& z, const SigmoidParts<V>& parts) {
  LogitPoint<V> x;
  x.logit = z;
  x.yes = LikelierBy(z, parts);
  x.no.p = x.yes.one_minus_p;
  x.no.one_minus_p = x.yes.p;
  x.no.log_p = LikelierBy(V(-z), parts).log_p;
  return x;
}

template <typename V>
LogitPoint<V> Sigmoid(const V& z) {
  return SigmoidOf(z, SigmoidParts<V>::Of(z));
}

// Returns −y log p − (1 − y) log(1 − p), where a target of 0 gives 0 whatever the logarithm is.
template <typename V>
V BinaryCrossEntropy(const LogitPoint<V>& x) {
  return -(MultiplyZeroWins(x.yes.target, x.yes.log_p) + MultiplyZeroWins(x.no.target, x.no.log_p));
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_LOGIT_TERM_INL_H_
