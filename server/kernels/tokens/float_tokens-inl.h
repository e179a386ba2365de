#ifndef LOSSD_SERVER_KERNELS_TOKENS_FLOAT_TOKENS_INL_H_
#define LOSSD_SERVER_KERNELS_TOKENS_FLOAT_TOKENS_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/forms/policy/policy_point-inl.h"
#include "server/kernels/policy_tokens.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/widen-inl.h"
#include "server/kernels/tokens/float_exponential-inl.h"

namespace lossd::kernels {

// What the statistics add up, in lanes of a fixed number: sums in double, counts in float, which
// has them exactly up to 2²⁴ in a lane.
template <typename Arch>
class FloatTokenSums {
 public:
  using V = Lanes<float, Arch>;
  using Bool = typename V::batch_bool_type;

  // Add the tokens of a register, of which `counts` says which ones count. kRegister is its place
  // among those that hold kLanes.
  template <int kRegister>
  LOSSD_ALWAYS_INLINE void AddRatios(const Bool& counts, const V& x, const ExpParts<V>& of) {
    const V zero(0.0F);
    const V r = xsimd::select(counts, of.exp, zero);
    Add<kRegister>(ratio_, r);
    Add<kRegister>(squares_, V(r * r));
    Add<kRegister>(k1_, V(xsimd::select(counts, -x, zero)));
    Add<kRegister>(k3_, V(xsimd::select(counts, of.rest, zero)));
    least_ = xsimd::select(counts & (of.exp < least_), of.exp, least_);
    most_ = xsimd::select(counts & (of.exp > most_), of.exp, most_);
  }

  template <int kRegister>
  LOSSD_ALWAYS_INLINE void AddReference(const Bool& counts, const V& t, const ExpParts<V>& of) {
    const V zero(0.0F);
    Add<kRegister>(reference_k1_, V(xsimd::select(counts, -t, zero)));
    Add<kRegister>(reference_k3_, V(xsimd::select(counts, of.rest, zero)));
  }

  LOSSD_ALWAYS_INLINE void AddClips(const Bool& counts, const PolicyTerm<V>& term) {
    const V one = OneWhere(counts);
    high_ += one * term.clipped_high;
    low_ += one * term.clipped_low;
    dual_ += one * term.dual_clipped;
  }

  LOSSD_ALWAYS_INLINE void AddTo(PolicySums& sums) {
    sums.ratio += ratio_.Total();
    sums.ratio_square += squares_.Total();
    sums.kl_k1 += k1_.Total();
    sums.kl_k3 += k3_.Total();
    sums.reference_kl_k1 += reference_k1_.Total();
    sums.reference_kl_k3 += reference_k3_.Total();
    sums.ratio_min = std::min(sums.ratio_min, static_cast<double>(-LargestOf(V(-least_))));
    sums.ratio_max = std::max(sums.ratio_max, static_cast<double>(LargestOf(most_)));
    sums.clipped_high += Count(high_);
    sums.clipped_low += Count(low_);
    sums.dual_clipped += Count(dual_);
  }

 private:
  template <int kRegister>
  LOSSD_ALWAYS_INLINE static void Add(LaneSum<double, Arch>& sum, const V& v) {
    const Widened<Arch> wide = Widen<Arch>(v);
    sum.Add(2 * kRegister, wide.low);
    sum.Add(2 * kRegister + 1, wide.high);
  }

  static double Count(const V& counts) {
    alignas(64) float lanes[V::size];
    counts.store_aligned(lanes);
    double count = 0;
    for (const float lane : lanes) count += static_cast<double>(lane);
    return count;
  }

  LaneSum<double, Arch> ratio_;
  LaneSum<double, Arch> squares_;
  LaneSum<double, Arch> k1_;
  LaneSum<double, Arch> k3_;
  LaneSum<double, Arch> reference_k1_;
  LaneSum<double, Arch> reference_k3_;
  V least_ = V(kInfinity<float>);
  V most_ = V(-kInfinity<float>);
  V high_ = V(0.0F);
  V low_ = V(0.0F);
  V dual_ = V(0.0F);
};

// A form of a ratio, in float.
template <typename Form, typename Arch>
class FloatTokenKernel {
 public:
  LOSSD_FLATTEN static bool Run(const FloatTokens& tokens, const FormParameters& parameters) {
    FloatTokenKernel kernel(tokens, parameters);
    for (int64_t i = 0; i < tokens.count; i += kLanes) kernel.template AddRegister<0>(i);
    if (tokens.sums != nullptr) kernel.sums_.AddTo(*tokens.sums);
    return xsimd::any(kernel.any_left_ > V(0.0F));
  }

 private:
  using V = Lanes<float, Arch>;
  using Bool = typename V::batch_bool_type;
  static constexpr auto kWidth = static_cast<int64_t>(V::size);

  FloatTokenKernel(const FloatTokens& tokens, const FormParameters& parameters)
      : tokens_(tokens), parameters_(parameters), most_(tokens.most_log_ratio) {}

  // Computes the kRegister-th register of the kLanes tokens from `begin` on, and those after it.
  template <int kRegister>
  LOSSD_ALWAYS_INLINE void AddRegister(int64_t begin) {
    if constexpr (kRegister * kWidth < kLanes) {
      ComputeRegister<kRegister>(begin + kRegister * kWidth);
      AddRegister<kRegister + 1>(begin);
    }
  }

  template <int kRegister>
  LOSSD_ALWAYS_INLINE void ComputeRegister(int64_t i) {
    const V zero(0.0F);
    const V u = V::load_unaligned(tokens_.log_p + i);
    const V a = V::load_unaligned(tokens_.advantage + i);
    const V loss_scale = V::load_aligned(tokens_.loss_scale + i);
    const V gradient_scale = V::load_aligned(tokens_.gradient_scale + i);
    const Difference<V> x = DifferenceOf(u, V(V::load_unaligned(tokens_.old_log_p + i)));
    const ExpParts<V> ratio = FloatExpPartsOf(x);
    const Bool used = loss_scale != zero;
    Bool usual = (xsimd::abs(x.rounded) <= most_) & (xsimd::abs(u) <= V(kFloatMost)) & IsUsual(a) &
                 IsUsual(gradient_scale) & (loss_scale <= V(kFloatMost)) &
                 (loss_scale >= V(kFloatLeast));
    const PolicyPoint<V> point = {u, zero, x.rounded, ratio.exp, V(1.0F), a};
    if constexpr (Form::kHasBounds) usual = usual & Form::IsClearOfBounds(point, parameters_);
    PolicyTerm<V> term = Form::At(point, parameters_);
    Difference<V> t = {zero, zero};
    ExpParts<V> reference = {zero, zero, zero};
    if (tokens_.reference_log_p != nullptr) {
      t = DifferenceOf(V(V::load_unaligned(tokens_.reference_log_p + i)), u);
      reference = FloatExpPartsOf(t);
      usual = usual & (xsimd::abs(t.rounded) <= V(kFloatMostLogRatio));
      if (tokens_.kl.coefficient != 0) AddKl(t.rounded, reference, ratio.exp, term);
    }
    const Bool counts = used & usual;
    const V left = ZeroWhere(usual, OneWhere(used));
    left.store_aligned(tokens_.left + i);
    any_left_ = any_left_ + left;
    Write(counts, V(term.value * loss_scale), tokens_.losses + i);
    if (tokens_.gradient != nullptr) {
      Write(counts, V(term.slope * gradient_scale), tokens_.gradient + i);
    }
    if (tokens_.slope != nullptr) Write(counts, term.slope, tokens_.slope + i);
    if (tokens_.curvature != nullptr) Write(counts, term.curvature, tokens_.curvature + i);
    if (tokens_.sums == nullptr) return;
    sums_.template AddRatios<kRegister>(counts, x.rounded, ratio);
    sums_.AddClips(counts, term);
    if (tokens_.reference_log_p == nullptr) return;
    sums_.template AddReference<kRegister>(counts, t.rounded, reference);
  }

  // Adds β k; t is f − u.
  LOSSD_ALWAYS_INLINE void AddKl(const V& t, const ExpParts<V>& of, const V& ratio,
                                 PolicyTerm<V>& term) const {
    const V beta(tokens_.kl.coefficient);
    PolicyTerm<V> k = {of.rest, V(-of.minus_one), of.exp};
    if (tokens_.kl.estimator == KlEstimator::kK2) {
      k = {V(0.5F) * t * t, -t, V(1.0F)};
    } else if (tokens_.kl.estimator == KlEstimator::kK1) {
      k = {-t, V(1.0F), V(0.0F)};
    }
    if (tokens_.kl.gradient == KlGradient::kReverseKl) {
      const V slope = -(ratio * t);
      k = {ratio * k.value, slope, ratio + slope};
    }
    term.value = term.value + beta * k.value;
    term.slope = term.slope + beta * k.slope;
    term.curvature = term.curvature + beta * k.curvature;
  }

  // Returns where a factor is 0 or no number of unusual size.
  LOSSD_ALWAYS_INLINE static Bool IsUsual(const V& factor) {
    const V size = xsimd::abs(factor);
    return (size <= V(kFloatMost)) & ((size >= V(kFloatLeast)) | (size == V(0.0F)));
  }

  LOSSD_ALWAYS_INLINE static void Write(const Bool& counts, const V& v, float* to) {
    V(xsimd::select(counts, v, V(0.0F))).store_unaligned(to);
  }

  const FloatTokens tokens_;
  const FormParameters& parameters_;
  const V most_;
  V any_left_ = V(0.0F);
  FloatTokenSums<Arch> sums_;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_TOKENS_FLOAT_TOKENS_INL_H_
