#ifndef LOSSD_SERVER_KERNELS_FORMS_JENSEN_SHANNON_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_JENSEN_SHANNON_INL_H_

#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// ψ(u; y) = (y log(y / m) + p log(p / m)) / 2 with m = (y + p) / 2; dψ/dp = log(p / m) / 2.
struct JensenShannon : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"jensen_shannon",
               "(KL(y || m) + KL(p || m)) / 2, m = (y + p) / 2, in nats; targets sum to 1",
               "Lin 1991, Divergence Measures Based on the Shannon Entropy, "
               "IEEE Trans. Inf. Theory 37(1)"}
          .WithTargetsThatSumToOne();
  static constexpr Weighting kWeighting = Weighting::kWhole;
  // All classes with y = 0 have dψ/dp = log(2) / 2. On a row whose truth has hardly any p, only
  // what remains without that constant counts.
  static constexpr bool kShifts = true;

  template <typename V>
  static V Shift(const Point<V>& x, const FormParameters&) {
    return LogProbabilityOverMean(x);
  }

  template <typename V>
  static V Value(const Point<V>& x, const FormParameters&) {
    const V half(typename V::value_type(0.5));
    return half * (MultiplyZeroWins(x.target, LogTargetOverMean(x)) +
                   MultiplyZeroWins(x.p, LogProbabilityOverMean(x)));
  }
  template <typename V>
  static V Slope(const Point<V>& x, const FormParameters&) {
    const V half(typename V::value_type(0.5));
    return half * MultiplyZeroWins(x.p, LogProbabilityOverMean(x) - x.shift);
  }
  template <typename V>
  static V Curvature(const Point<V>& x, const FormParameters& parameters) {
    const V half(typename V::value_type(0.5));
    const V zero(typename V::value_type(0));
    const V sum = x.p + x.target;
    const V mixed = xsimd::select(sum == zero, zero, half * x.p * x.target / sum);
    return (Slope(x, parameters) + mixed) * x.one_minus_p;
  }

 private:
  // Returns log(p / m), close to the mean by log1p of the relative difference, far below it by
  // logarithms.
  template <typename V>
  static V LogProbabilityOverMean(const Point<V>& x) {
    const V half(typename V::value_type(0.5));
    const V sum = x.p + x.target;
    const V other = xsimd::select(x.p < half * x.target, x.log_p - xsimd::log(half * sum),
                                  xsimd::log1p(ErrorOf(x) / sum));
    const V log_2(static_cast<typename V::value_type>(0.69314718055994530942));
    return xsimd::select(x.target == V(typename V::value_type(0)), log_2, other);
  }
  template <typename V>
  static V LogTargetOverMean(const Point<V>& x) {
    const V half(typename V::value_type(0.5));
    const V sum = x.p + x.target;
    return xsimd::select(x.target < half * x.p, xsimd::log(x.target) - xsimd::log(half * sum),
                         xsimd::log1p(-ErrorOf(x) / sum));
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_JENSEN_SHANNON_INL_H_
