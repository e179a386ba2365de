#ifndef LOSSD_SERVER_KERNELS_FORMS_POLICY_DPPO_INL_H_
#define LOSSD_SERVER_KERNELS_FORMS_POLICY_DPPO_INL_H_

#include "server/kernels/forms/policy/policy_point-inl.h"
#include "server/kernels/tokens/token_math-inl.h"

namespace lossd::kernels {

// φ = −A r m, where the mask m, detached, is 0 for tokens whose probability has moved too far in
// the direction that the advantage pushes it: by p − o's or o's − p.
struct Dppo : PolicyTraits {
  static constexpr FormInfo kInfo =
      FormInfo{"dppo",
               "-A r m, m detached: 0 where A > 0 and p - p_o > threshold_high, or A < 0 and "
               "p_o - p > threshold_low, else 1; r = exp(u - o)",
               "Qi et al. 2026, Rethinking the Trust Region in LLM Reinforcement Learning, "
               "arXiv:2602.04879"}
          .OfRatio()
          .With(Parameter("threshold_low", 0.2, Range::AtLeast(0),
                          "how far a negative advantage moves a probability"))
          .With(Parameter("threshold_high", 0.2, Range::AtLeast(0),
                          "how far a positive advantage moves a probability"));

  template <typename V>
  static PolicyTerm<V> At(const PolicyPoint<V>& x, const FormParameters& parameters) {
    const V moved = ExpOfAny(x.log_p) - ExpOfAny(x.old_log_p);
    return Masked(x, moved, -moved, parameters);
  }

 protected:
  // Returns the term whose mask is 0 where `up` or `down`, how far the probability has moved in
  // either direction, is beyond its threshold.
  template <typename V>
  static PolicyTerm<V> Masked(const PolicyPoint<V>& x, const V& up, const V& down,
                              const FormParameters& parameters) {
    const V zero(0.0);
    const auto is_low = (x.advantage < zero) & (down > ParameterOf<V>(parameters, 0));
    const auto is_high = (x.advantage > zero) & (up > ParameterOf<V>(parameters, 1));
    const V value = ZeroWhere(is_low | is_high, MultiplyZeroWins(V(-x.advantage), x.ratio));
    const V slope = MultiplyZeroWins(x.moves, value);
    return {value, slope, slope, OneWhere(is_high), OneWhere(is_low)};
  }
};

// The same by the divergence of two coins, KL(p_o ‖ p), past a threshold on the same side.
struct DppoByKl : Dppo {
  static constexpr FormInfo kInfo =
      FormInfo{"dppo_by_kl",
               "-A r m, m detached: 0 where the binary KL(p_o || p) is above threshold_high and "
               "A > 0 and p > p_o, or above threshold_low and A < 0 and p < p_o: dppo with "
               "divergence KL",
               "Qi et al. 2026, arXiv:2602.04879"}
          .VariantOf(Dppo::kInfo)
          .OfRatio();

  template <typename V>
  static PolicyTerm<V> At(const PolicyPoint<V>& x, const FormParameters& parameters) {
    const V zero(0.0);
    const ExpParts<V> of = ExpPartsOf(x.log_p);
    const ExpParts<V> of_old = ExpPartsOf(x.old_log_p);
    const V p = of.exp;
    const V old = of_old.exp;
    const V rest = xsimd::max(zero, zero - of.minus_one);
    const V old_rest = xsimd::max(zero, zero - of_old.minus_one);
    const V divergence = MultiplyZeroWins(old, V(x.old_log_p - x.log_p)) +
                         MultiplyZeroWins(old_rest, V(xsimd::log(old_rest) - xsimd::log(rest)));
    return Masked(x, xsimd::select(p > old, divergence, zero),
                  xsimd::select(p < old, divergence, zero), parameters);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_POLICY_DPPO_INL_H_
