#ifndef LOSSD_SERVER_KERNELS_FORMS_JENSEN_SHANNON_SKEWED_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_JENSEN_SHANNON_SKEWED_INL_H_

#include <cmath>

#include "server/kernels/forms/jensen_shannon-inl.h"
#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// ψ(u; y) = β y log(y / m) + γ p log(p / m) with γ = 1 − β and m = β y + γ p:
//   dψ/dp = γ log(p / m)    φ″ = φ′ + β γ p y / m
struct JensenShannonSkewed : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"jensen_shannon_skewed", "jensen_shannon with a beta that is not 1/2",
               "Lin 1991, IEEE Trans. Inf. Theory 37(1), with the weights beta and 1 - beta"}
          .VariantOf(JensenShannon::kInfo)
          .WithTargetsThatSumToOne();
  static constexpr Weighting kWeighting = Weighting::kWhole;
  static constexpr bool kReadsSubnormals = true;
  // All classes with y = 0 have dψ/dp = −γ log γ.
  static constexpr bool kShifts = true;

  LOSSD_ALWAYS_INLINE static bool FitsFloat(const FormParameters&) { return false; }

 private:
  template <typename V>
  struct Weights {
    explicit Weights(const FormParameters& parameters) {
      using T = typename V::value_type;
      beta = V(static_cast<T>(parameters[0]));
      gamma = V(static_cast<T>(1 - parameters[0]));
      log_gamma = V(static_cast<T>(std::log1p(-parameters[0])));
    }

    V beta;
    V gamma;
    V log_gamma;
  };

 public:
  // One true class; the others' terms are −γ log(γ) p each. With c = 1 − p and m = 1 − γ c:
  //   φ   = −β log m + γ p log(p / m) − γ log(γ) c
  //   φ′  = γ p log(γ p / m)
  //   φ″  = φ′ + β γ p / m
  struct OneTarget : FormTraits {
    template <typename V>
    static V Value(const Point<V>& x, const FormParameters& parameters) {
      const Parts<V> of(x, parameters);
      return of.gamma * (MultiplyZeroWins(x.p, of.log_p_over_m) - of.log_gamma * x.one_minus_p) -
             of.beta * of.log_m;
    }
    template <typename V>
    static V Slope(const Point<V>& x, const FormParameters& parameters) {
      const Parts<V> of(x, parameters);
      return of.gamma * MultiplyZeroWins(x.p, V(of.log_p_over_m + of.log_gamma));
    }
    template <typename V>
    static V Curvature(const Point<V>& x, const FormParameters& parameters) {
      const Parts<V> of(x, parameters);
      return x.one_minus_p * (Slope(x, parameters) + of.beta * of.gamma * (x.p / of.m));
    }

   private:
    template <typename V>
    struct Parts : Weights<V> {
      Parts(const Point<V>& x, const FormParameters& parameters) : Weights<V>(parameters) {
        using T = typename V::value_type;
        const V half(T(0.5));
        m = this->beta + this->gamma * x.p;
        log_m = xsimd::select(x.one_minus_p < half, xsimd::log1p(-(this->gamma * x.one_minus_p)),
                              xsimd::log(m));
        const V ratio = this->beta * (x.one_minus_p / x.p);  // m / p − 1
        log_p_over_m = xsimd::select(ratio < half, -xsimd::log1p(ratio), x.log_p - log_m);
      }

      V m;
      V log_m;
      V log_p_over_m;
    };
  };

  template <typename V>
  static V Shift(const Point<V>& x, const FormParameters& parameters) {
    return Parts<V>(x, parameters).log_p_over_m;
  }

  template <typename V>
  static V Value(const Point<V>& x, const FormParameters& parameters) {
    const Parts<V> of(x, parameters);
    return of.beta * MultiplyZeroWins(x.target, of.log_y_over_m) +
           of.gamma * MultiplyZeroWins(x.p, of.log_p_over_m);
  }
  template <typename V>
  static V Slope(const Point<V>& x, const FormParameters& parameters) {
    const Parts<V> of(x, parameters);
    return of.gamma * MultiplyZeroWins(x.p, V(of.log_p_over_m - x.shift));
  }
  template <typename V>
  static V Curvature(const Point<V>& x, const FormParameters& parameters) {
    const V zero(typename V::value_type(0));
    const Parts<V> of(x, parameters);
    const V share = xsimd::select(of.m == zero, zero, x.target / of.m);
    return (Slope(x, parameters) + of.beta * of.gamma * (x.p * share)) * x.one_minus_p;
  }

 private:
  // Close to the mean the logarithms are by log1p of the relative difference, elsewhere by
  // logarithms.
  template <typename V>
  struct Parts : Weights<V> {
    Parts(const Point<V>& x, const FormParameters& parameters) : Weights<V>(parameters) {
      const V zero(typename V::value_type(0));
      const V error = ErrorOf(x);  // p − y
      m = this->beta * x.target + this->gamma * x.p;
      const V log_m = xsimd::log(m);
      log_y_over_m = LogOf(V(this->gamma * (error / x.target)), V(xsimd::log(x.target) - log_m));
      const V other = LogOf(V(-(this->beta * (error / x.p))), V(x.log_p - log_m));
      log_p_over_m = xsimd::select(x.target == zero, -this->log_gamma, other);
    }

    // Returns −log(1 + r), which is also `difference` of logarithms.
    static V LogOf(const V& r, const V& difference) {
      return xsimd::select(xsimd::abs(r) < V(typename V::value_type(0.5)), -xsimd::log1p(r),
                           difference);
    }

    V m;
    V log_y_over_m;
    V log_p_over_m;
  };
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_JENSEN_SHANNON_SKEWED_INL_H_
