#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_GROUP_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_GROUP_INL_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/hessian.h"
#include "server/kernels/row_shape.h"
#include "server/kernels/rows/truth_form-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"

namespace lossd::kernels {

// The few numbers that a shaped row has beside those of its classes, for up to kRows rows, in
// double, a register of rows at a time. With e_j = exp(x_j − x_m) the derivatives by x are
//   g_j = e_j (a (e_j + s) + b) + c w_j         h_j = e_j (h₀ + e_j (h₁ + h₂ e_j))
// but for the true class t and the largest, m: theirs are written so that nothing cancels.
//
// A kTruth form, with kv = (1 − smoothing) w_t, q = smoothing / C, W = Σ w, G = kv φ′ − q W:
//   g_j = p_j (2λ logsumexp − G) − q w_j
//   g_t = (kv φ′ − q w_t)(1 − p_t) + p_t (q (W − w_t) + 2λ logsumexp)
//   g_m = −q w_m (1 − p_m) − p_m (kv φ′ − q (W − w_m) − 2λ logsumexp)
// The squared error of weight w, with R = Σ_{k≠t} p_k² and D = Σ_k p_k (1 − e_k):
//   ℓ = (1 − p_t)² + R
//   g_j = 2 p_j (p_t + p_j − Σ_k p_k²) = 2 p_j (p_t + p_m (D − (1 − e_j))),  g_t = −2 p_t ℓ
// Where many classes are almost as probable as m, p_j and Σ p² are almost equal, but 1 − e_j, which
// the exponentials are kept with, and D have digits of their own. Then s is −1. Where t is m,
// p_t = p_m and g_j = 2 p_j p_m (D + e_j), which is the same with s = 0.
template <typename T, typename Arch, size_t kRows>
class ShapedGroup {
 public:
  using Column = double[kRows];

  // Columns that the caller fills before Evaluate, for its rows.
  alignas(64) Column max;             // x_m
  alignas(64) Column rest;            // as HeldOut
  alignas(64) Column below_max;       // x_t − x_m
  alignas(64) Column logit_sum;       // Σ_j w_j (x_j − x_m); where there is smoothing
  alignas(64) Column square_sum;      // Σ_{j≠m} e_j²; for the squared error
  alignas(64) Column gap_sum;         // Σ_j e_j (1 − e_j); for the squared error
  alignas(64) Column largest_weight;  // w_m; where there is smoothing

  // Columns that Evaluate fills, without the scales.
  alignas(64) Column p_max;
  alignas(64) Column p;
  alignas(64) Column one_minus_p;
  alignas(64) Column a;
  alignas(64) Column b;
  alignas(64) Column shift;  // s; of the squared error
  alignas(64) Column truth_gradient;
  alignas(64) Column largest_gradient;
  // The Hessian, where it is wanted.
  alignas(64) Column h0;
  alignas(64) Column h1;
  alignas(64) Column h2;
  alignas(64) Column truth_hessian;
  alignas(64) Column largest_hessian;
  // The scales of a row: 0 where it weighs nothing.
  alignas(64) Column gradient_scale;
  alignas(64) Column hessian_scale;

  // Computes rows [begin, begin + size) of `rows`. Writes their losses and other scalars but for
  // the gradient's.
  LOSSD_FLATTEN void Evaluate(const ClassIdRows<T>& rows, const RowShape<T>& shape,
                              const TruthForm& form, const FormParameters& parameters,
                              int64_t begin, int64_t size) {
    Truth truth;
    for (double* const column : {max, rest, below_max}) FillPast(size, column);
    for (double* const column : {logit_sum, square_sum, gap_sum}) FillPast(size, column);
    FillPast(size, largest_weight);
    LoadFactors(rows, shape, begin, size);
    for (int64_t i = 0; i < size; i += kWidth) FindPoint(i, truth);
    const bool wants_curvature = rows.hessian != nullptr;
    if (!form.is_squared_error()) {
      form.evaluate({truth.log_p, p, one_minus_p, truth.value, truth.slope,
                     wants_curvature ? truth.curvature : nullptr},
                    size, parameters);
    }
    for (int64_t i = 0; i < size; i += kWidth) {
      if (form.is_squared_error()) {
        Square(i, shape, wants_curvature, truth);
      } else {
        Combine(i, shape, rows, form, truth);
      }
    }
    WriteScalars(rows, shape, form, begin, size, truth);
  }

  // Returns the derivative by x_t without class weights.
  double UnweightedTruthGradient(const RowShape<T>& shape, const TruthForm& form, double classes,
                                 int64_t i) const {
    const double of_sum = 2 * shape.z_loss * log_sum_exp_[i] * p[i];
    if (form.is_squared_error()) return -2 * p[i] * value_[i] + of_sum;
    const double q = shape.smoothing / classes;
    const double slope = (1 - shape.smoothing) * slope_[i];
    return (slope - q) * one_minus_p[i] + p[i] * q * (classes - 1) + of_sum;
  }

 private:
  using D = Lanes<double, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(D::size);
  static constexpr double kLargest = static_cast<double>(std::numeric_limits<T>::max()) / 4;

  // What Evaluate needs for itself.
  struct Truth {
    alignas(64) Column log_p;
    alignas(64) Column log1p_rest;
    alignas(64) Column value;
    alignas(64) Column slope;
    alignas(64) Column curvature;
    alignas(64) Column loss;
  };

  void FindPoint(int64_t i, Truth& truth) {
    const D one(1.0);
    const D r = D::load_aligned(rest + i);
    const D below = D::load_aligned(below_max + i);
    const LogOnePlus<D> total = LogOnePlusOf<T>(r);
    // In double, whose range has what a form makes of a p below T's, such as p log p.
    const D p_truth = ExpNonPositive(below) * total.inverse;
    total.inverse.store_aligned(p_max + i);
    total.log.store_aligned(truth.log1p_rest + i);
    (D::load_aligned(max + i) + total.log).store_aligned(log_sum_exp_ + i);
    (below - total.log).store_aligned(truth.log_p + i);
    p_truth.store_aligned(p + i);
    // The largest class takes its 1 − p without subtracting.
    xsimd::select(below == D(0.0), r * total.inverse, one - p_truth).store_aligned(one_minus_p + i);
  }

  // Returns what z_loss adds to the loss.
  static D SquareOfSum(const RowShape<T>& shape, const D& log_sum_exp) {
    return Weighted(D(shape.z_loss), D(log_sum_exp * log_sum_exp));
  }
  static D SlopeOfSum(const RowShape<T>& shape, const D& log_sum_exp) {
    return Weighted(D(2 * shape.z_loss), log_sum_exp);
  }

  LOSSD_ALWAYS_INLINE void Combine(int64_t i, const RowShape<T>& shape, const ClassIdRows<T>& rows,
                                   const TruthForm& form, Truth& truth) {
    const D pm = D::load_aligned(p_max + i);
    const D cm = D::load_aligned(rest + i) * pm;
    const D pt = D::load_aligned(p + i);
    const D ct = D::load_aligned(one_minus_p + i);
    const D weight = D::load_aligned(class_weight_ + i);
    const D lse = D::load_aligned(log_sum_exp_ + i);
    const D of_sum = SlopeOfSum(shape, lse);
    const D kv = weight * D(1 - shape.smoothing);
    const D slope = Weighted(kv, D::load_aligned(truth.slope + i));
    D loss = Weighted(kv, D::load_aligned(truth.value + i)) + SquareOfSum(shape, lse);
    D total_slope = slope;
    D gt = slope * ct + pt * of_sum;
    D gm = pm * (of_sum - slope);
    if (shape.smoothing != 0) {
      const auto classes = static_cast<double>(rows.class_count);
      const D q(shape.smoothing / classes);
      const D sum(shape.class_weights == nullptr ? classes : shape.class_weight_sum);
      const D wm = D::load_aligned(largest_weight + i);
      loss += q * (sum * D::load_aligned(truth.log1p_rest + i) - D::load_aligned(logit_sum + i));
      if (shape.adds_target_entropy) loss += EntropyTerms(shape, classes, weight, sum);
      total_slope = slope - q * sum;
      gt = (slope - q * weight) * ct + pt * (q * (sum - weight) + of_sum);
      gm = pm * (of_sum - (slope - q * (sum - wm))) - q * wm * cm;
    }
    const D g = of_sum - total_slope;
    loss.store_aligned(truth.loss + i);
    D(0.0).store_aligned(a + i);
    (g * pm).store_aligned(b + i);
    gt.store_aligned(truth_gradient + i);
    gm.store_aligned(largest_gradient + i);
    if (rows.hessian == nullptr) return;
    const bool clips = rows.curvature == Curvature::kPositive && !form.takes_magnitude;
    D curvature = D::load_aligned(truth.curvature + i);
    if (clips) curvature = xsimd::select(curvature < D(0.0), D(0.0), curvature);
    curvature = Weighted(kv, curvature);
    // φ″ itself has a pole where 1 − p_t is 0; there every p_j that it multiplies is 0 as well.
    D pole = xsimd::select(ct == D(0.0), D(0.0), curvature / ct);
    pole = xsimd::min(D(kLargest), xsimd::max(D(-kLargest), pole));
    const D of_square(2 * shape.z_loss);
    SetHessian(i, g * pm, (pole + of_square - g) * pm * pm, D(0.0),
               curvature * ct + g * pt * ct + of_square * pt * pt,
               (pole + of_square) * pm * pm + g * pm * cm);
  }

  // Returns what Σ_j a_j log y_j has, with a the weighted targets y.
  static D EntropyTerms(const RowShape<T>& shape, double classes, const D& weight, const D& sum) {
    const double q = shape.smoothing / classes;
    const double own = 1 - shape.smoothing + q;
    return weight * D(own * std::log(own)) + (sum - weight) * D(q * std::log(q));
  }

  LOSSD_ALWAYS_INLINE void Square(int64_t i, const RowShape<T>& shape, bool wants_hessian,
                                  Truth& truth) {
    const D two(2.0);
    const D pm = D::load_aligned(p_max + i);
    const D cm = D::load_aligned(rest + i) * pm;
    const D pt = D::load_aligned(p + i);
    const D ct = D::load_aligned(one_minus_p + i);
    const D weight = D::load_aligned(class_weight_ + i);
    const D lse = D::load_aligned(log_sum_exp_ + i);
    const D of_sum = SlopeOfSum(shape, lse);
    const auto is_largest = D::load_aligned(below_max + i) == D(0.0);
    const D without_largest = D::load_aligned(square_sum + i) * pm * pm;
    const D others =
        xsimd::select(is_largest, without_largest, without_largest - pt * pt + pm * pm);
    const D value = ct * ct + others;
    const D offset = pt * ct - others;
    value.store_aligned(truth.value + i);
    (Weighted(weight, value) + SquareOfSum(shape, lse)).store_aligned(truth.loss + i);
    const D mean_gap = pm * D::load_aligned(gap_sum + i);
    const D of_largest_slope = pm * mean_gap + pt;
    const D of_others = xsimd::select(is_largest, pm * mean_gap, of_largest_slope);
    (two * weight * pm * pm).store_aligned(a + i);
    (pm * (two * weight * of_others + of_sum)).store_aligned(b + i);
    xsimd::select(is_largest, D(0.0), D(-1.0)).store_aligned(shift + i);
    (pt * (of_sum - two * weight * value)).store_aligned(truth_gradient + i);
    (pm * (two * weight * of_largest_slope + of_sum)).store_aligned(largest_gradient + i);
    if (!wants_hessian) return;
    const D four(4.0);
    const D of_square(2 * shape.z_loss);
    const D g = -two * offset;                          // G
    const D f = two * (two * (others + pt * pt) - pt);  // F
    const D all = without_largest + pm * pm;            // Σ p²
    const D of_truth =
        two * pt * (two * pt - D(1.0)) * ct * ct + four * pt * pt * others + two * pt * ct * offset;
    const D of_largest =
        pm * pm * (four * cm * cm + four * without_largest - two * pt) - pm * cm * two * (all - pt);
    SetHessian(
        i, pm * (of_sum - weight * g), pm * pm * (weight * (four + f + g) + of_square - of_sum),
        D(-8.0) * weight * pm * pm * pm, weight * of_truth + of_square * pt * pt + of_sum * pt * ct,
        weight * of_largest + of_square * pm * pm + of_sum * pm * cm);
  }

  void SetHessian(int64_t i, const D& first, const D& second, const D& third, const D& of_truth,
                  const D& of_largest) {
    first.store_aligned(h0 + i);
    second.store_aligned(h1 + i);
    third.store_aligned(h2 + i);
    of_truth.store_aligned(truth_hessian + i);
    of_largest.store_aligned(largest_hessian + i);
  }

  void LoadFactors(const ClassIdRows<T>& rows, const RowShape<T>& shape, int64_t begin,
                   int64_t size);

  static void FillPast(int64_t size, double* column) {
    for (int64_t i = size; i < static_cast<int64_t>(kRows); ++i) column[i] = 0;
  }

  void WriteScalars(const ClassIdRows<T>& rows, const RowShape<T>& shape, const TruthForm& form,
                    int64_t begin, int64_t size, const Truth& truth) {
    for (int64_t i = 0; rows.losses != nullptr && i < size; ++i) {
      const bool is_nothing = sample_weight_[i] == 0 || truth.loss[i] == 0;
      rows.losses[begin + i] =
          is_nothing ? T(0) : static_cast<T>(sample_weight_[i] * truth.loss[i]);
    }
    for (int64_t i = 0; rows.log_sum_exp != nullptr && i < size; ++i) {
      rows.log_sum_exp[begin + i] = static_cast<T>(log_sum_exp_[i]);
    }
    if (rows.true_probability != nullptr) std::copy(p, p + size, rows.true_probability + begin);
    if (rows.true_gradient == nullptr) return;
    std::copy(truth.value, truth.value + size, value_);
    std::copy(truth.slope, truth.slope + size, slope_);
    const auto classes = static_cast<double>(rows.class_count);
    for (int64_t i = 0; i < size; ++i) {
      rows.true_gradient[begin + i] =
          shape.scale * UnweightedTruthGradient(shape, form, classes, i);
    }
  }

  alignas(64) Column class_weight_;
  alignas(64) Column sample_weight_;
  alignas(64) Column log_sum_exp_;
  alignas(64) Column value_;
  alignas(64) Column slope_;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_GROUP_INL_H_
