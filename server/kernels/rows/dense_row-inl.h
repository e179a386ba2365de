#ifndef LOSSD_SERVER_KERNELS_ROWS_DENSE_ROW_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_DENSE_ROW_INL_H_

#include <cstdint>

#include "server/kernels/forms/point-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/row_writer-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

// One row with a target per class. With b_k = a_k phi'_k, G = sum b_k and F = sum a_k phi''_k,
//   g_j = b_j - p_j G
//   h_j = a_j phi''_j (1 - 2 p_j) + p_j^2 F - p_j (1 - p_j) G
// Class m, the largest logit, is held out of every sum. Written so,
//   g_m = b_m (1 - p_m) - p_m G_rest
//   h_m = a_m phi''_m (1 - p_m)^2 + p_m^2 F_rest - p_m (1 - p_m) G
// nothing cancels where p_m is close to 1.
template <class Form, class Arch>
class DenseRowKernel {
 public:
  LOSSD_FLATTEN static void Run(DenseRow& row, const FormParameters& parameters) {
    const int64_t size = PaddedSize(row.class_count);
    int64_t m = 0;
    const HeldOut<double> held = Exponentials(row, m);
    const LogOnePlus<D> one_plus_rest = LogOnePlusOf<double>(D(held.rest));
    const D log1p_rest = one_plus_rest.log;
    const D p_max = one_plus_rest.inverse;
    row.log_sum_exp = held.max + First(log1p_rest);

    double* const slopes = row.workspace;
    double* const curvatures = row.workspace + size;
    const double a_m = row.weighted_targets[m];
    row.weighted_targets[m] = 0;

    Point<D> largest;
    largest.log_p = -log1p_rest;
    largest.p = p_max;
    largest.one_minus_p = D(held.rest) * p_max;
    largest.target = D(row.targets[m]);
    if constexpr (Form::kShifts) largest.shift = Form::Shift(largest, parameters);
    const D weight_m(kWhole ? row.whole_weight : a_m);
    const double value_m = First(Weighted(weight_m, Value(largest, D(a_m), parameters)));
    const double slope_m = First(Weighted(weight_m, Form::Slope(largest, parameters)));
    const double curvature_m =
        Clip(row, First(Weighted(weight_m, Form::Curvature(largest, parameters))));

    LaneSum<double, Arch> values;
    LaneSum<double, Arch> slope_sum;
    LaneSum<double, Arch> curvature_sum;
    for (int64_t j = 0; j < size; j += kWidth) {
      const int64_t lane = (j / kWidth) % LaneSum<double, Arch>::kRegisters;
      Point<D> x;
      // (z_j - z_m) - log1p(rest): in this order, so that a common offset does not cost digits.
      x.log_p = (D::load_unaligned(row.logits + j) - D(held.max)) - log1p_rest;
      x.p = D::load_unaligned(row.probabilities + j) * p_max;
      x.one_minus_p = D(1.0) - x.p;
      x.target = D::load_unaligned(row.targets + j);
      x.shift = largest.shift;
      x.p.store_unaligned(row.probabilities + j);
      x.one_minus_p.store_unaligned(row.one_minus_probabilities + j);
      const D weight = TermWeight(row, j, m);
      const D slope = Weighted(weight, Form::Slope(x, parameters));
      const D value = Weighted(weight, Value(x, weight, parameters));
      values.Add(lane, value);
      slope_sum.Add(lane, slope);
      slope.store_unaligned(slopes + j);
      if (row.hessian == nullptr) continue;
      D curvature = Weighted(weight, Form::Curvature(x, parameters));
      if (row.curvature == Curvature::kPositive && !kWhole) curvature = ClipBatch(curvature);
      curvature.store_unaligned(curvatures + j);
      // 1 - p_j is at least a half here, but for padding beside a single class.
      curvature_sum.Add(lane, curvature / x.one_minus_p);
    }
    row.weighted_targets[m] = a_m;
    row.loss = values.Total() + value_m;
    const double p_m = First(p_max);
    const double c_m = First(largest.one_minus_p);
    row.probabilities[m] = p_m;
    row.one_minus_probabilities[m] = c_m;

    const double slope_rest = slope_sum.Total();
    const double total = slope_m + slope_rest;
    if (row.gradient != nullptr) {
      for (int64_t j = 0; j < size; j += kWidth) {
        const D p = D::load_unaligned(row.probabilities + j);
        (D::load_unaligned(slopes + j) - p * D(total)).store_unaligned(row.gradient + j);
      }
      row.gradient[m] = slope_m * c_m - p_m * slope_rest;
    }
    if (row.hessian != nullptr) {
      const double curvature_rest = curvature_sum.Total();
      const double pole = c_m == 0 ? 0 : curvature_m / c_m;
      for (int64_t j = 0; j < size; j += kWidth) {
        const D p = D::load_unaligned(row.probabilities + j);
        const D c = D::load_unaligned(row.one_minus_probabilities + j);
        const D own = D::load_unaligned(curvatures + j) / c * (D(1.0) - D(2.0) * p);
        const D h = own + (p * D(pole) * p + p * p * D(curvature_rest)) - p * c * D(total);
        h.store_unaligned(row.hessian + j);
      }
      row.hessian[m] = curvature_m * c_m + p_m * p_m * curvature_rest - p_m * c_m * total;
    }
  }

 private:
  using D = Batch<double, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(D::size);
  static constexpr bool kWhole = Form::kWeighting == Weighting::kWhole;

  using Passes = RowPasses<double, Arch>;

  static HeldOut<double> Exponentials(DenseRow& row, int64_t& arg_max) {
    const int64_t size = PaddedSize(row.class_count);
    NoWriter no_writer;
    HeldOut<double> held = Passes::Reduce(row.logits, size, row.probabilities, no_writer);
    arg_max = Passes::FirstEqual(row.logits, row.class_count, held.max);
    // 0 unless the largest logit is infinite or NaN, which then reaches the whole row.
    held.rest += row.logits[arg_max] - row.logits[arg_max];
    row.probabilities[arg_max] = 0;  // so that no loop below divides by a 1 - p_m of 0
    return held;
  }

  static D Value(const Point<D>& x, const D& weight, const FormParameters& parameters) {
    D value = Form::Value(x, parameters);
    if constexpr (Form::kAddsTargetEntropy) {
      // 0 where the target is 0, whose log must not be taken.
      const D target = xsimd::select(weight == D(0.0), D(1.0), x.target);
      value += xsimd::log(target);
    }
    return value;
  }

  // The weight of the terms j, j + 1, ...: 0 for class m and for the padding.
  static D TermWeight(const DenseRow& row, int64_t j, int64_t m) {
    if constexpr (!kWhole) {
      return D::load_unaligned(row.weighted_targets + j);
    } else {
      D weight(row.whole_weight);
      const bool holds_m = m >= j && m < j + kWidth;
      if (!holds_m && j + kWidth <= row.class_count) return weight;
      alignas(64) double lanes[D::size];
      for (int64_t k = 0; k < kWidth; ++k) {
        lanes[k] = (j + k == m || j + k >= row.class_count) ? 0 : row.whole_weight;
      }
      return D::load_aligned(lanes);
    }
  }

  // Sum a_k phi forms take max(phi'', 0) term by term; for the others |h| is taken at the end.
  static double Clip(const DenseRow& row, double curvature) {
    const bool clips = row.curvature == Curvature::kPositive && !kWhole;
    return clips && curvature < 0 ? 0 : curvature;
  }
  static D ClipBatch(const D& curvature) {
    return xsimd::select(curvature < D(0.0), D(0.0), curvature);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_DENSE_ROW_INL_H_
