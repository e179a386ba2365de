#ifndef LOSSD_SERVER_KERNELS_ROWS_DENSE_ROW_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_DENSE_ROW_INL_H_

#include <cstdint>

#include "server/kernels/dense_row.h"
#include "server/kernels/forms/point-inl.h"
#include "server/kernels/hessian.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/row_writer-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// The kernel of one softmax row with a target per class. With b_k = a_k φ′_k, G = Σ b_k and
// F = Σ a_k φ″_k,
//   g_j = b_j − p_j G
//   h_j = a_j φ″_j (1 − 2 p_j) + p_j² F − p_j (1 − p_j) G
// Class m, the largest logit, is held out of every sum. Written so,
//   g_m = b_m (1 − p_m) − p_m G_rest
//   h_m = a_m φ″_m (1 − p_m)² + p_m² F_rest − p_m (1 − p_m) G
// nothing cancels where p_m is close to 1.
template <typename Form, typename Arch>
class DenseRowKernel {
 public:
  LOSSD_FLATTEN static void Run(DenseRow& row, const FormParameters& parameters) {
    const Largest largest = FindLargest(row, parameters);
    const RestSums rest = WriteTerms(row, largest, parameters);
    if (row.gradient != nullptr) WriteGradient(row, largest, rest);
    if (row.hessian != nullptr) WriteHessian(row, largest, rest);
  }

 private:
  using D = Lanes<double, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(D::size);
  static constexpr bool kWhole = Form::kWeighting == Weighting::kWhole;

  using Passes = RowPasses<double, Arch>;

  // Class m and its terms.
  struct Largest {
    D log1p_rest;
    Point<D> point;
    int64_t m;
    double logit;
    double weighted_target;  // a_m
    double p;
    double one_minus_p;
    double value;
    double slope;      // b_m
    double curvature;  // a_m φ″_m (1 − p_m)
  };

  // Sums over all classes but m.
  struct RestSums {
    double slope;      // G_rest
    double curvature;  // F_rest, where a Hessian is wanted
  };

  static Largest FindLargest(DenseRow& row, const FormParameters& parameters) {
    Largest largest;
    const HeldOut<double> held = Exponentials(row, largest.m);
    const LogOnePlus<D> one_plus_rest = LogOnePlusOf<double>(D(held.rest));
    largest.logit = held.max;
    largest.log1p_rest = one_plus_rest.log;
    row.log_sum_exp = held.max + First(one_plus_rest.log);
    largest.weighted_target = row.weighted_targets[largest.m];

    Point<D>& x = largest.point;
    x.log_p = -one_plus_rest.log;
    x.p = one_plus_rest.inverse;
    x.one_minus_p = D(held.rest) * one_plus_rest.inverse;
    x.target = D(row.targets[largest.m]);
    if constexpr (Form::kTakesLogTargets) {
      x.log_target =
          row.log_targets == nullptr ? D(xsimd::log(x.target)) : D(row.log_targets[largest.m]);
    }
    if constexpr (Form::kShifts) x.shift = Form::Shift(x, parameters);
    largest.p = First(x.p);
    largest.one_minus_p = First(x.one_minus_p);
    const D a_m(largest.weighted_target);
    const D weight = kWhole ? D(row.whole_weight) : a_m;
    largest.value = First(Weighted(weight, Value(x, a_m, parameters)));
    largest.slope = First(Weighted(weight, Form::Slope(x, parameters)));
    largest.curvature = Clip(row, First(Weighted(weight, Form::Curvature(x, parameters))));
    return largest;
  }

  // Writes the loss and all probabilities; leaves b_j and a_j φ″_j (1 − p_j) in the workspace, 0
  // for class m.
  static RestSums WriteTerms(DenseRow& row, const Largest& largest,
                             const FormParameters& parameters) {
    const int64_t size = PaddedSize(row.class_count);
    double* const slopes = SlopesOf(row);
    double* const curvatures = CurvaturesOf(row);
    row.weighted_targets[largest.m] = 0;
    LaneSum<double, Arch> values;
    LaneSum<double, Arch> slope_sum;
    LaneSum<double, Arch> curvature_sum;
    for (int64_t j = 0; j < size; j += kWidth) {
      const int64_t lane = (j / kWidth) % LaneSum<double, Arch>::kRegisters;
      const Point<D> x = PointAt(row, largest, j);
      x.p.store_unaligned(row.probabilities + j);
      x.one_minus_p.store_unaligned(row.one_minus_probabilities + j);
      const D weight = TermWeight(row, j, largest.m);
      const D slope = Weighted(weight, Form::Slope(x, parameters));
      const D value = Weighted(weight, Value(x, weight, parameters));
      values.Add(lane, value);
      slope_sum.Add(lane, slope);
      slope.store_unaligned(slopes + j);
      if (row.hessian == nullptr) continue;
      const D curvature = Clip(row, Weighted(weight, Form::Curvature(x, parameters)));
      curvature.store_unaligned(curvatures + j);
      // 1 − p_j is at least a half here, but for padding beside a single class.
      curvature_sum.Add(lane, curvature / x.one_minus_p);
    }
    row.weighted_targets[largest.m] = largest.weighted_target;
    row.loss = values.Total() + largest.value;
    row.probabilities[largest.m] = largest.p;
    row.one_minus_probabilities[largest.m] = largest.one_minus_p;
    return {slope_sum.Total(), row.hessian == nullptr ? 0 : curvature_sum.Total()};
  }

  static void WriteGradient(const DenseRow& row, const Largest& largest, const RestSums& rest) {
    const int64_t size = PaddedSize(row.class_count);
    const double* const slopes = SlopesOf(row);
    const double total = largest.slope + rest.slope;
    for (int64_t j = 0; j < size; j += kWidth) {
      const D p = D::load_unaligned(row.probabilities + j);
      (D::load_unaligned(slopes + j) - p * D(total)).store_unaligned(row.gradient + j);
    }
    const double p_m = largest.p;
    const double c_m = largest.one_minus_p;
    row.gradient[largest.m] = largest.slope * c_m - p_m * rest.slope;
  }

  static void WriteHessian(const DenseRow& row, const Largest& largest, const RestSums& rest) {
    const int64_t size = PaddedSize(row.class_count);
    const double* const curvatures = CurvaturesOf(row);
    const double total = largest.slope + rest.slope;
    const double p_m = largest.p;
    const double c_m = largest.one_minus_p;
    const double pole = c_m == 0 ? 0 : largest.curvature / c_m;
    for (int64_t j = 0; j < size; j += kWidth) {
      const D p = D::load_unaligned(row.probabilities + j);
      const D c = D::load_unaligned(row.one_minus_probabilities + j);
      const D own = D::load_unaligned(curvatures + j) / c * (D(1.0) - D(2.0) * p);
      const D h = own + (p * D(pole) * p + p * p * D(rest.curvature)) - p * c * D(total);
      h.store_unaligned(row.hessian + j);
    }
    row.hessian[largest.m] =
        largest.curvature * c_m + p_m * p_m * rest.curvature - p_m * c_m * total;
  }

  static double* SlopesOf(const DenseRow& row) { return row.workspace; }
  static double* CurvaturesOf(const DenseRow& row) {
    return row.workspace + PaddedSize(row.class_count);
  }

  // Writes exp(z_j − z_m) to the probabilities and m to `arg_max`.
  static HeldOut<double> Exponentials(DenseRow& row, int64_t& arg_max) {
    const int64_t size = PaddedSize(row.class_count);
    NoWriter no_writer;
    HeldOut<double> held = Passes::Reduce(row.logits, size, row.probabilities, no_writer);
    arg_max = Passes::FirstEqual(row.logits, row.class_count, held.max);
    // 0 unless the largest logit is infinite or NaN, which then reaches the whole row.
    held.rest += row.logits[arg_max] - row.logits[arg_max];
    row.probabilities[arg_max] = 0;  // so that no loop divides by a 1 − p_m of 0
    return held;
  }

  // Returns the points of classes j, j + 1, ... from their exponentials.
  static Point<D> PointAt(const DenseRow& row, const Largest& largest, int64_t j) {
    Point<D> x;
    // (z_j − z_m) − log1p(rest): in this order a common offset does not cost digits.
    x.log_p = (D::load_unaligned(row.logits + j) - D(largest.logit)) - largest.log1p_rest;
    x.p = D::load_unaligned(row.probabilities + j) * largest.point.p;
    x.one_minus_p = D(1.0) - x.p;
    x.target = D::load_unaligned(row.targets + j);
    if constexpr (Form::kTakesLogTargets) {
      x.log_target = row.log_targets == nullptr ? D(xsimd::log(x.target))
                                                : D::load_unaligned(row.log_targets + j);
    }
    x.shift = largest.point.shift;
    return x;
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

  // Returns the weights of the terms j, j + 1, ...: 0 for class m and for the padding.
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

  // Applies max(φ″, 0) to the terms of Σ a_k φ forms; for the others the caller takes |h| at the
  // end.
  static double Clip(const DenseRow& row, double curvature) {
    return Clips(row) && curvature < 0 ? 0 : curvature;
  }
  static D Clip(const DenseRow& row, const D& curvature) {
    if (!Clips(row)) return curvature;
    return xsimd::select(curvature < D(0.0), D(0.0), curvature);
  }
  static bool Clips(const DenseRow& row) {
    return row.curvature == Curvature::kPositive && !kWhole;
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_DENSE_ROW_INL_H_
