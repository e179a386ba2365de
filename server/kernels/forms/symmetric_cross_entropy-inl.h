#ifndef LOSSD_SERVER_KERNELS_FORMS_SYMMETRIC_CROSS_ENTROPY_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_SYMMETRIC_CROSS_ENTROPY_INL_H_

#include "server/kernels/forms/point-inl.h"

namespace lossd::kernels {

// ψ(u; y) = −α y u − β p max(log y, log_zero): cross entropy and its reverse, where the logarithm
// of a zero target is the constant log_zero.
struct SymmetricCrossEntropy : FormTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"symmetric_cross_entropy",
               "alpha CE + beta RCE, RCE = -sum_k p_k max(log y_k, log_zero)",
               "Wang et al. 2019, Symmetric Cross Entropy for Robust Learning with Noisy Labels, "
               "arXiv:1908.06112"}
          .With(Parameter("alpha", 0.1, Range::AtLeast(0), "weight of the cross entropy"))
          .With(Parameter("beta", 1, Range::AtLeast(0), "weight of the reverse cross entropy"))
          .With(Parameter("log_zero", -4, Range::Below(0), "the logarithm of a target of 0"));
  static constexpr Weighting kWeighting = Weighting::kWhole;
  static constexpr bool kReadsLogTarget = true;
  static constexpr bool kReadsSubnormals = true;

  // Symmetric cross entropy of one true class: φ(u) = −α u − β log_zero (1 − p), for the others,
  // whose targets are 0, have 1 − p in all.
  struct OneTarget : FormTraits {
    template <typename V>
    static V Value(const Point<V>& x, const FormParameters& parameters) {
      const V alpha(static_cast<typename V::value_type>(parameters[0]));
      return Others<V>(parameters) * x.one_minus_p - MultiplyZeroWins(alpha, x.log_p);
    }
    template <typename V>
    static V Slope(const Point<V>& x, const FormParameters& parameters) {
      const V alpha(static_cast<typename V::value_type>(parameters[0]));
      return -(alpha + Others<V>(parameters) * x.p);
    }
    template <typename V>
    static V Curvature(const Point<V>& x, const FormParameters& parameters) {
      return -(Others<V>(parameters) * x.p) * x.one_minus_p;
    }

   private:
    // Returns −β log_zero.
    template <typename V>
    static V Others(const FormParameters& parameters) {
      return V(static_cast<typename V::value_type>(-parameters[1] * parameters[2]));
    }
  };

  template <typename V>
  static V Value(const Point<V>& x, const FormParameters& parameters) {
    return -(Alpha<V>(parameters) * MultiplyZeroWins(x.target, x.log_p) + Reverse(x, parameters));
  }
  template <typename V>
  static V Slope(const Point<V>& x, const FormParameters& parameters) {
    return -(Alpha<V>(parameters) * x.target + Reverse(x, parameters));
  }
  template <typename V>
  static V Curvature(const Point<V>& x, const FormParameters& parameters) {
    return -Reverse(x, parameters) * x.one_minus_p;
  }

 private:
  template <typename V>
  static V Alpha(const FormParameters& parameters) {
    return V(static_cast<typename V::value_type>(parameters[0]));
  }
  // Returns β p max(log y, log_zero).
  template <typename V>
  static V Reverse(const Point<V>& x, const FormParameters& parameters) {
    const V beta(static_cast<typename V::value_type>(parameters[1]));
    const V log_zero(static_cast<typename V::value_type>(parameters[2]));
    const V log_target = LogTarget(x);
    return beta * x.p * xsimd::select(log_target > log_zero, log_target, log_zero);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_SYMMETRIC_CROSS_ENTROPY_INL_H_
