#ifndef LOSSD_SERVER_KERNELS_FORMS_JENSEN_SHANNON_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_JENSEN_SHANNON_INL_H_

#include <limits>

#include "server/kernels/forms/point-inl.h"
#include "server/kernels/simd/logarithm-inl.h"

namespace lossd::kernels {

// ψ(u; y) = (y log(y / m) + p log(p / m)) / 2 with m = (y + p) / 2; dψ/dp = log(p / m) / 2. Another
// beta than 1/2 picks JensenShannonSkewed.
struct JensenShannon : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"jensen_shannon",
               "beta KL(y || m) + (1 - beta) KL(p || m), m = beta y + (1 - beta) p, in nats; "
               "targets sum to 1",
               "Lin 1991, Divergence Measures Based on the Shannon Entropy, "
               "IEEE Trans. Inf. Theory 37(1)"}
          .WithTargetsThatSumToOne()
          .With(Parameter("beta", 0.5, Range::Inside(0, 1), "weight of the target's divergence"));
  static constexpr Weighting kWeighting = Weighting::kWhole;
  static constexpr bool kReadsSubnormals = true;
  // All classes with y = 0 have dψ/dp = log(2) / 2. On a row whose truth has hardly any p, only
  // what remains without that constant counts.
  static constexpr bool kShifts = true;

  // Jensen-Shannon of one true class, for the others' terms are p log(2) / 2 each:
  //   φ   = log 2 − (1 + p) log(1 + p) / 2 + p u / 2
  //   φ′  = p (u − log(1 + p)) / 2
  //   φ″  = φ′ + p / (2 (1 + p))
  // For p above ½ by way of c = 1 − p: log(1 + p) = log 2 − l, l = −log(1 − c / 2), and
  //   φ   = ((1 + p) l + p u + c log 2) / 2
  struct OneTarget : FormTraits {
    template <typename V>
    static V Value(const Point<V>& x, const FormParameters&) {
      const V half(typename V::value_type(0.5));
      const V log_2 = Log2<V>();
      const Parts<V> of(x);
      return xsimd::select(of.below, log_2 - half * (of.sum * of.log - of.p_log_p),
                           half * (of.sum * of.log + of.p_log_p + x.one_minus_p * log_2));
    }
    template <typename V>
    static V Slope(const Point<V>& x, const FormParameters&) {
      const V half(typename V::value_type(0.5));
      const Parts<V> of(x);
      return half * (of.p_log_p - x.p * of.LogOfSum());
    }
    template <typename V>
    static V Curvature(const Point<V>& x, const FormParameters& parameters) {
      const V half(typename V::value_type(0.5));
      const Parts<V> of(x);
      return x.one_minus_p * (Slope(x, parameters) + half * x.p / of.sum);
    }

   private:
    template <typename V>
    static V Log2() {
      return V(static_cast<typename V::value_type>(0.69314718055994530942));
    }

    template <typename V>
    struct Parts {
      explicit Parts(const Point<V>& x) {
        using T = typename V::value_type;
        sum = V(T(1)) + x.p;
        below = x.p < x.one_minus_p;
        log = LogOnePlusUnit(V(xsimd::select(below, x.p, x.one_minus_p / sum))).log;
        // Where log p is infinite, p is 0, and so is their product.
        p_log_p = x.p * MaxOf(V(std::numeric_limits<T>::lowest()), x.log_p);
      }

      // Returns log(1 + p).
      V LogOfSum() const { return xsimd::select(below, log, Log2<V>() - log); }

      V sum;                              // 1 + p
      typename V::batch_bool_type below;  // p is below ½
      V log;                              // log(1 + p) there, and l elsewhere
      V p_log_p;
    };
  };

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

  static constexpr bool kHasFloatValues = true;
  template <typename V>
  static FormValues<V> InFloat(const Point<V>& x, const FormParameters&) {
    const V half(typename V::value_type(0.5));
    const LogsOverMean<V> logs(x);
    const V of_p = xsimd::select(logs.p_is_less, logs.of_less, logs.of_more);
    const V of_target = xsimd::select(logs.p_is_less, logs.of_more, logs.of_less);
    const V p_term = MultiplyZeroWins(x.p, of_p);
    const V slope = half * p_term;
    // The product of p and y alone may be below the type's range.
    const V mixed = half * x.p * (x.target * logs.inverse);
    return {half * (MultiplyZeroWins(x.target, of_target) + p_term), slope,
            (slope + mixed) * x.one_minus_p};
  }

 private:
  // log(p / m) and log(y / m) in float. With r = |p − y| / (p + y), what is more than m is m (1 +
  // r) and what is less m (1 − r).
  template <typename V>
  struct LogsOverMean {
    explicit LogsOverMean(const Point<V>& x) {
      using T = typename V::value_type;
      const V error = ErrorOf(x);
      p_is_less = error < V(T(0));
      // A sum below the normal numbers would have an infinite inverse.
      inverse = V(T(1)) / MaxOf(V(x.p + x.target), V(std::numeric_limits<T>::min()));
      const V r = xsimd::abs(error) * inverse;
      const V less = xsimd::select(p_is_less, x.p, x.target);
      of_more = LogOnePlusUnit(r).log;
      of_less = LogOfSum(V((less + less) * inverse), V(-r));
    }

    typename V::batch_bool_type p_is_less;
    V inverse;  // 1 / (p + y)
    V of_less;
    V of_more;
  };

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
