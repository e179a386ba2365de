#ifndef LOSSD_SERVER_KERNELS_FORMS_POLICY_PPO_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_POLICY_PPO_INL_H_

#include <limits>

#include "server/kernels/forms/policy/policy_point-inl.h"

namespace lossd::kernels {

// φ = −min(r A, clip(r, 1 − ε_low, 1 + ε_high) A), and for A < 0 at most −c A. It is −A r where
// nothing clips: at a bound exactly, nothing does.
struct Ppo : PolicyTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"ppo",
               "-min(r A, clip(r, 1 - epsilon_low, 1 + epsilon_high) A), and for A < 0 at most "
               "-dual_clip A; r = exp(u - o)",
               "Schulman et al. 2017, Proximal Policy Optimization Algorithms, arXiv:1707.06347; "
               "dual clip: Ye et al. 2020, arXiv:1912.09729"}
          .OfRatio()
          .With(Parameter("epsilon_low", 0.2, Range::AtLeast(0),
                          "how far below 1 the ratio is followed"))
          .With(Parameter("epsilon_high", 0.2, Range::AtLeast(0),
                          "how far above 1 the ratio is followed"))
          .With(OptionalParameter("dual_clip", Range::Above(1),
                                  "the ratio beyond which a negative advantage counts no more; "
                                  "above 1 + epsilon_high; unset: none"));

  static constexpr bool kHasFloatTokens = true;
  static constexpr bool kHasBounds = true;

  template <typename V>
  static auto IsClearOfBounds(const PolicyPoint<V>& x, const FormParameters& parameters) {
    return IsClearOf(LowOf<V>(parameters), x.ratio) & IsClearOf(HighOf<V>(parameters), x.ratio) &
           IsClearOf(ParameterOf<V>(parameters, 2), x.ratio);
  }

  template <typename V>
  static PolicyTerm<V> At(const PolicyPoint<V>& x, const FormParameters& parameters) {
    using T = typename V::value_type;
    const V zero(T(0));
    const V low = LowOf<V>(parameters);
    const V high = HighOf<V>(parameters);
    const V most = ParameterOf<V>(parameters, 2);
    const auto is_low = (x.advantage < zero) & (x.ratio < low);
    const auto is_high = (x.advantage > zero) & (x.ratio > high);
    const auto is_dual = (x.advantage < zero) & (x.ratio > most);
    const V clipped = xsimd::select(
        is_low, low, xsimd::select(is_high, high, xsimd::select(is_dual, most, x.ratio)));
    const V value = MultiplyZeroWins(V(-x.advantage), clipped);
    const V slope = ZeroWhere(is_low | is_high | is_dual, MultiplyZeroWins(x.moves, value));
    return {value, slope, slope, OneWhere(is_high), OneWhere(is_low), OneWhere(is_dual)};
  }

 private:
  template <typename V>
  static V LowOf(const FormParameters& parameters) {
    return V(static_cast<typename V::value_type>(1 - parameters[0]));
  }
  template <typename V>
  static V HighOf(const FormParameters& parameters) {
    return V(static_cast<typename V::value_type>(1 + parameters[1]));
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_POLICY_PPO_INL_H_
