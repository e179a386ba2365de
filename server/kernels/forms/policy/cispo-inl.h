#ifndef LOSSD_SERVER_KERNELS_FORMS_POLICY_CISPO_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_POLICY_CISPO_INL_H_

#include "server/kernels/forms/policy/policy_point-inl.h"

namespace lossd::kernels {

// φ = −w A u with w = clip(r, minimum_ratio, maximum_ratio), detached: every token keeps a
// gradient.
struct Cispo : PolicyTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"cispo",
               "-w A u, w = clip(r, minimum_ratio, maximum_ratio), detached; r = exp(u - o)",
               "MiniMax 2025, MiniMax-M1, arXiv:2506.13585"}
          .OfRatio()
          .With(Parameter("minimum_ratio", 0, Range::AtLeast(0), "the smallest weight of a token"))
          .With(Parameter("maximum_ratio", 4, Range::Above(0),
                          "the largest weight of a token; above minimum_ratio"));

  static constexpr bool kHasFloatTokens = true;
  static constexpr bool kHasBounds = true;

  template <typename V>
  static auto IsClearOfBounds(const PolicyPoint<V>& x, const FormParameters& parameters) {
    return IsClearOf(ParameterOf<V>(parameters, 0), x.ratio) &
           IsClearOf(ParameterOf<V>(parameters, 1), x.ratio);
  }

  template <typename V>
  static PolicyTerm<V> At(const PolicyPoint<V>& x, const FormParameters& parameters) {
    const V least = ParameterOf<V>(parameters, 0);
    const V most = ParameterOf<V>(parameters, 1);
    const auto is_low = x.ratio < least;
    const auto is_high = x.ratio > most;
    const V weight = xsimd::select(is_low, least, xsimd::select(is_high, most, x.ratio));
    const V slope = MultiplyZeroWins(V(-x.advantage), weight);
    const V zero(typename V::value_type(0));
    return {MultiplyZeroWins(slope, x.log_p), slope, zero, OneWhere(is_high), OneWhere(is_low)};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_POLICY_CISPO_INL_H_
