#ifndef LOSSD_SERVER_KERNELS_TOKENS_TOKEN_KERNELS_INL_H_
#define LOSSD_SERVER_KERNELS_TOKENS_TOKEN_KERNELS_INL_H_

#include <cstdint>

#include "server/kernels/forms/point-inl.h"
#include "server/kernels/forms/policy/policy_point-inl.h"
#include "server/kernels/policy_tokens.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/tokens/token_math-inl.h"

namespace lossd::kernels {

// A sum over tokens, in lanes of a fixed number.
template <typename Arch>
class TokenSum {
 public:
  using V = Lanes<double, Arch>;

  // Adds the register of the tokens from `i` on.
  void Add(int64_t i, const V& v) {
    constexpr auto kWidth = static_cast<int64_t>(V::size);
    lanes_.Add(i / kWidth % LaneSum<double, Arch>::kRegisters, v);
  }
  double Total() { return lanes_.Total(); }

 private:
  LaneSum<double, Arch> lanes_;
};

template <typename Arch>
struct TokenKernel {
  using V = Lanes<double, Arch>;
  static constexpr auto kWidth = static_cast<int64_t>(V::size);

  // These are plain loops, which the compiler turns into registers of this set.
  static void Scales(const FloatScales& scales) {
    const double* const weights = scales.weights;
    const double factor = scales.gradient_factor;
    float* const loss = scales.loss;
    float* const gradient = scales.gradient;
    for (int64_t i = 0; i < scales.count; ++i) loss[i] = NarrowScale(weights[i]);
    for (int64_t i = 0; i < scales.count; ++i) gradient[i] = NarrowScale(weights[i] * factor);
  }

  static void Load(const TokenColumn& column) {
    if (column.from_floats != nullptr) {
      LoadFrom(column.from_floats, column);
    } else {
      LoadFrom(column.from_doubles, column);
    }
    for (int64_t i = column.count; i < PaddedSize(column.count); ++i) column.to[i] = 0;
  }

  template <typename T>
  static void Write(const double* value, const double* scale, int64_t count, T* to) {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(value[i] * scale[i]);
  }

  LOSSD_FLATTEN static void Ratios(const TokenRatios& tokens) {
    const V cap(tokens.cap);
    const V one(1.0);
    for (int64_t i = 0; i < tokens.count; i += kWidth) {
      const V x = V::load_aligned(tokens.log_ratio + i);
      const auto above = x > cap;
      const auto below = x < -cap;
      const V capped = xsimd::select(above, cap, xsimd::select(below, -cap, x));
      capped.store_aligned(tokens.capped + i);
      ExpOfAny(capped).store_aligned(tokens.ratio + i);
      ZeroWhere(above | below, one).store_aligned(tokens.moves + i);
    }
  }

  LOSSD_FLATTEN static void Multiply(const AdvantageTokens& tokens) {
    for (int64_t i = 0; i < tokens.count; i += kWidth) {
      const V a = V::load_aligned(tokens.advantage + i);
      for (double* const column : {tokens.value, tokens.slope, tokens.curvature}) {
        if (column == nullptr) continue;
        MultiplyZeroWins(a, V::load_aligned(column + i)).store_aligned(column + i);
      }
    }
  }

  LOSSD_FLATTEN static void Weigh(const WeightTokens& tokens) {
    const V zero(0.0);
    const V least(tokens.minimum);
    const V most(tokens.maximum);
    const bool clamps = tokens.mode == WeightMode::kClamp;
    TokenSum<Arch> high;
    TokenSum<Arch> low;
    for (int64_t i = 0; i < tokens.count; i += kWidth) {
      const V w = ExpOfAny(V::load_aligned(tokens.log_weight + i));
      const auto above = w > most;
      const auto below = w < least;
      const V bounded = xsimd::select(above, clamps ? most : zero,
                                      xsimd::select(below, clamps ? least : zero, w));
      const V a = V::load_aligned(tokens.advantage + i);
      Weighted(a, bounded).store_aligned(tokens.advantage + i);
      if (tokens.sums == nullptr) continue;
      const V used = V::load_aligned(tokens.used + i);
      high.Add(i, used * OneWhere(above));
      low.Add(i, used * OneWhere(below));
    }
    if (tokens.sums == nullptr) return;
    tokens.sums->weight_high += high.Total();
    tokens.sums->weight_low += low.Total();
  }

  LOSSD_FLATTEN static void AddKl(const KlTokens& tokens) {
    const V beta(tokens.coefficient);
    const V one(1.0);
    const V zero(0.0);
    const bool is_reverse = tokens.gradient == KlGradient::kReverseKl;
    const bool has_ratio = is_reverse && tokens.ratio != nullptr;
    TokenSum<Arch> k1;
    TokenSum<Arch> k3;
    for (int64_t i = 0; i < tokens.count; i += kWidth) {
      const V t = V::load_aligned(tokens.reference_log_p + i) - V::load_aligned(tokens.log_p + i);
      PolicyTerm<V> k = EstimateOf(tokens.estimator, t);
      if (tokens.sums != nullptr) {
        k1.Add(i, -t);
        k3.Add(i, k.value);
      }
      if (is_reverse) {
        const V r = has_ratio ? V::load_aligned(tokens.ratio + i) : one;
        const V moves = has_ratio ? V::load_aligned(tokens.moves + i) : zero;
        // Where r is 0, nothing is left of the estimate; where that is 0, it has no ratio.
        k.value = ZeroOrProduct(r, k.value);
        k.slope = ZeroOrProduct(r, V(-t));
        k.curvature = r + MultiplyZeroWins(moves, k.slope);
      }
      (V::load_aligned(tokens.value + i) + beta * k.value).store_aligned(tokens.value + i);
      (V::load_aligned(tokens.slope + i) + beta * k.slope).store_aligned(tokens.slope + i);
      if (tokens.curvature == nullptr) continue;
      (V::load_aligned(tokens.curvature + i) + beta * k.curvature)
          .store_aligned(tokens.curvature + i);
    }
    if (tokens.sums == nullptr) return;
    tokens.sums->reference_kl_k1 += k1.Total();
    tokens.sums->reference_kl_k3 += k3.Total();
  }

  LOSSD_FLATTEN static void AddStatistics(const TokenStatistics& tokens) {
    if (tokens.old_log_p != nullptr) AddRatios(tokens);
    if (tokens.reference_log_p != nullptr) AddReference(tokens);
  }

 private:
  // Returns a · b, and 0 where either is 0 even if the other is infinite.
  static V ZeroOrProduct(const V& a, const V& b) {
    const V zero(0.0);
    return xsimd::select((a == zero) | (b == zero), zero, a * b);
  }

  template <typename T>
  static void LoadFrom(const T* from, const TokenColumn& column) {
    double* const to = column.to;
    if (column.used == nullptr) {
      for (int64_t i = 0; i < column.count; ++i) to[i] = static_cast<double>(from[i]);
      return;
    }
    const double* const used = column.used;
    for (int64_t i = 0; i < column.count; ++i) {
      const auto v = static_cast<double>(from[i]);
      to[i] = used[i] == 0 ? 0 : v;
    }
  }

  // Returns the estimate and its derivatives by u, where t = f − u.
  LOSSD_ALWAYS_INLINE static PolicyTerm<V> EstimateOf(KlEstimator estimator, const V& t) {
    if (estimator == KlEstimator::kK1) return {-t, V(1.0), V(0.0)};
    if (estimator == KlEstimator::kK2) return {V(0.5) * t * t, -t, V(1.0)};
    const ExpParts<V> of = ExpPartsOf(t);
    return {of.rest, -of.minus_one, of.exp};
  }

  static void AddRatios(const TokenStatistics& tokens) {
    TokenSum<Arch> sum;
    TokenSum<Arch> squares;
    TokenSum<Arch> k1;
    TokenSum<Arch> k3;
    V least(tokens.sums->ratio_min);
    V most(tokens.sums->ratio_max);
    const V zero(0.0);
    for (int64_t i = 0; i < tokens.count; i += kWidth) {
      const auto is_used = V::load_aligned(tokens.used + i) > zero;
      const V r = V::load_aligned(tokens.ratio + i);
      const V x = V::load_aligned(tokens.log_p + i) - V::load_aligned(tokens.old_log_p + i);
      sum.Add(i, xsimd::select(is_used, r, zero));
      squares.Add(i, xsimd::select(is_used, r * r, zero));
      least = xsimd::select(is_used & (r < least), r, least);
      most = xsimd::select(is_used & (r > most), r, most);
      // Of what is ignored both are 0.
      k1.Add(i, -x);
      k3.Add(i, ExpPartsOf(x).rest);
    }
    PolicySums& sums = *tokens.sums;
    sums.ratio += sum.Total();
    sums.ratio_square += squares.Total();
    sums.kl_k1 += k1.Total();
    sums.kl_k3 += k3.Total();
    sums.ratio_min = -LargestOf(V(-least));
    sums.ratio_max = LargestOf(most);
  }

  static void AddReference(const TokenStatistics& tokens) {
    TokenSum<Arch> k1;
    TokenSum<Arch> k3;
    for (int64_t i = 0; i < tokens.count; i += kWidth) {
      const V t = V::load_aligned(tokens.reference_log_p + i) - V::load_aligned(tokens.log_p + i);
      k1.Add(i, -t);
      k3.Add(i, ExpPartsOf(t).rest);
    }
    tokens.sums->reference_kl_k1 += k1.Total();
    tokens.sums->reference_kl_k3 += k3.Total();
  }
};

// A form of a ratio.
template <typename Form, typename Arch>
struct PolicyKernel {
  using V = Lanes<double, Arch>;
  static constexpr auto kWidth = static_cast<int64_t>(V::size);

  LOSSD_FLATTEN static void Run(const PolicyTokens& tokens, const FormParameters& parameters) {
    TokenSum<Arch> high;
    TokenSum<Arch> low;
    TokenSum<Arch> dual;
    for (int64_t i = 0; i < tokens.count; i += kWidth) {
      const PolicyPoint<V> x = {
          V::load_aligned(tokens.log_p + i),     V::load_aligned(tokens.old_log_p + i),
          V::load_aligned(tokens.log_ratio + i), V::load_aligned(tokens.ratio + i),
          V::load_aligned(tokens.moves + i),     V::load_aligned(tokens.advantage + i)};
      const PolicyTerm<V> term = Form::At(x, parameters);
      term.value.store_aligned(tokens.value + i);
      term.slope.store_aligned(tokens.slope + i);
      if (tokens.curvature != nullptr) term.curvature.store_aligned(tokens.curvature + i);
      if (tokens.sums == nullptr) continue;
      const V used = V::load_aligned(tokens.used + i);
      high.Add(i, used * term.clipped_high);
      low.Add(i, used * term.clipped_low);
      dual.Add(i, used * term.dual_clipped);
    }
    if (tokens.sums == nullptr) return;
    tokens.sums->clipped_high += high.Total();
    tokens.sums->clipped_low += low.Total();
    tokens.sums->dual_clipped += dual.Total();
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_TOKENS_TOKEN_KERNELS_INL_H_
