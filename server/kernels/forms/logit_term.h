#ifndef LOSSD_SERVER_KERNELS_FORMS_LOGIT_TERM_H_
#define LOSSD_SERVER_KERNELS_FORMS_LOGIT_TERM_H_

#include "server/kernels/forms/point.h"

namespace lossd::kernels {

// What a kLogit form sees of one element. The points' accuracy is that of Point.
template <class V>
struct LogitPoint {
  V logit;
  Point<V> yes;  // log sigmoid(z), sigmoid(z), sigmoid(-z); its target is y
  Point<V> no;
};

// A term of the loss and its derivatives with respect to the logit.
template <class V>
struct LogitTerm {
  V value;
  V first;
  V second;
};

// The outcomes of a sigmoid, by exp(-|z|) so that neither 1 - p nor log p ever cancels.
template <class V>
LogitPoint<V> Sigmoid(const V& z) {
  using T = typename V::value_type;
  const V zero(T(0));
  const V one(T(1));
  const V e = ExpNonPositive(V(-xsimd::abs(z)));
  const LogOnePlus<V> one_plus_e = LogOnePlusUnit(e);
  const V larger = one_plus_e.inverse;
  const V smaller = e * larger;
  const V log1p_e = one_plus_e.log;
  const auto likely = z >= zero;
  LogitPoint<V> x;
  x.logit = z;
  x.yes.p = xsimd::select(likely, larger, smaller);
  x.yes.one_minus_p = xsimd::select(likely, smaller, larger);
  x.yes.log_p = xsimd::select(likely, zero, z) - log1p_e;
  x.no.p = x.yes.one_minus_p;
  x.no.one_minus_p = x.yes.p;
  x.no.log_p = xsimd::select(likely, -z, zero) - log1p_e;
  return x;
}

// -y log p - (1 - y) log(1 - p), where a target of 0 gives 0 whatever the logarithm is.
template <class V>
V BinaryCrossEntropy(const LogitPoint<V>& x) {
  return -(MultiplyZeroWins(x.yes.target, x.yes.log_p) + MultiplyZeroWins(x.no.target, x.no.log_p));
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_LOGIT_TERM_H_
