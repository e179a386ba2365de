#ifndef LOSSD_SERVER_KERNELS_ROWS_ROW_GROUP_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_ROW_GROUP_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/forms/point-inl.h"
#include "server/kernels/hessian.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"

namespace lossd::kernels {

// The parts of one row's Hessian:
//   h_j = φ″ (δ_jt − p_j)² − φ′ p_j (1 − p_j)
template <typename T, typename Arch>
struct RowHessian {
  using V = Lanes<T, Arch>;

  // `slope_of_log` is φ′, `curvature` is φ″ (1 − p_t), `c` is 1 − p_t, `rest` and `p_max` are the
  // row's.
  RowHessian(Curvature mode, double weight, double slope_of_log, double curvature, double c,
             double p, double rest, double p_max)
      : floor(FloorOf(mode)) {
    if (mode == Curvature::kPositive) curvature = std::max(curvature, 0.0);
    // φ″ itself has a pole where c is 0; there every p_j that it multiplies is 0 as well.
    const double exact_pole = c == 0 ? 0 : curvature / c;
    factor = static_cast<T>(p_max);
    pole = static_cast<T>(std::clamp<double>(exact_pole, -kLargest, kLargest));
    slope = static_cast<T>(slope_of_log);
    scale = static_cast<T>(weight);
    const auto floored = [&](double h) {
      return weight == 0 ? std::max(T(0), floor) : std::max(static_cast<T>(weight * h), floor);
    };
    unweighted = floored(0);
    largest = floored(exact_pole * p_max * p_max - slope_of_log * p_max * (rest * p_max));
    truth = floored(curvature * c - slope_of_log * p * c);
  }

  static T FloorOf(Curvature mode) {
    return mode == Curvature::kPositive ? static_cast<T>(kHessianFloor) : -kInfinity<T>;
  }

  // Returns h of classes other than the true and the largest one, with p = exp · factor.
  static V ForOthers(const V& exp, const V& factor, const V& pole, const V& slope, const V& scale,
                     const V& floor) {
    const V p = exp * factor;
    const V h = scale * (pole * p * p - slope * p * (V(T(1)) - p));
    return xsimd::select(h < floor, floor, h);
  }

  static constexpr double kLargest = static_cast<double>(std::numeric_limits<T>::max()) / 4;

  T floor;
  T factor;
  T pole;
  T slope;
  T scale;
  T unweighted;  // every class of a row that weighs nothing
  T largest;     // the largest class, without subtracting
  T truth;       // the true class
};

// The numbers of some rows' RowHessian, in columns. All are aligned to 64 bytes and hold whole
// registers.
template <typename T>
struct HessianColumns {
  T* factor;
  T* pole;
  T* slope;
  T* scale;
  T* largest;
  T* truth;
};

// The few numbers that a row with one true class has beside those of its classes, for up to kRows
// rows. They are computed in double, a register of rows at a time.
template <typename Form, typename T, typename Arch, size_t kRows>
class RowGroup {
 public:
  // Columns that the caller fills before Evaluate, for its rows.
  alignas(64) double max[kRows];
  alignas(64) double rest[kRows];       // as HeldOut
  alignas(64) double below_max[kRows];  // z_t − z_m
  alignas(64) double exp_truth[kRows];  // exp(z_t − z_m), 1 for the largest itself

  // Columns that Evaluate fills.
  alignas(64) double p_max[kRows];
  alignas(64) T exp_factor[kRows];      // times an exponential: the gradient of another class
  alignas(64) T truth_gradient[kRows];  // of the true class
  alignas(64) double p[kRows];          // of the true class
  alignas(64) double one_minus_p[kRows];
  alignas(64) double slope[kRows];
  alignas(64) double curvature[kRows];  // where a Hessian is wanted
  alignas(64) double gradient_scale[kRows];

  // Computes rows [begin, begin + size) of `rows`. Writes their losses and other scalars.
  LOSSD_FLATTEN void Evaluate(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                              const FormParameters& parameters) {
    Columns columns;
    // Whole registers are computed.
    for (double* const column : {max, rest, below_max, exp_truth}) FillPast(size, column);
    LoadFactors(rows, begin, size);
    ReduceLogs(size, columns);
    Form::WithUsualParameters(parameters, [&](const FormParameters& known) LOSSD_ALWAYS_INLINE {
      for (int64_t i = 0; i < size; i += kWidth) {
        EvaluateForm(i, known, rows.hessian != nullptr, columns);
      }
    });
    if (rows.losses != nullptr) Narrow(columns.values, size, rows.losses + begin);
    Narrow(columns.factors, size, exp_factor);
    Narrow(columns.truths, size, truth_gradient);
    // The whole columns of these are read, too.
    FillPast(size, exp_factor);
    FillPast(size, truth_gradient);
    WriteOthers(rows, begin, size, columns.log1p_rest);
  }

  // Returns the Hessian of row i, which is `row` of `rows`.
  RowHessian<T, Arch> HessianOf(const ClassIdRows<T>& rows, int64_t row, int64_t i) const {
    return RowHessian<T, Arch>(rows.curvature, HessianScale(rows, row), slope[i], curvature[i],
                               one_minus_p[i], p[i], rest[i], p_max[i]);
  }

  // Writes the numbers of the Hessians of `size` rows, which are those of `rows` from `begin` on,
  // and 0 for the rows that fill up their registers. They are the bits of HessianOf, but for
  // `unweighted`, and of rows that weigh nothing.
  void FindHessians(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                    const HessianColumns<T>& to) {
    alignas(64) double weight[kRows];
    for (int64_t i = 0; i < size; ++i) weight[i] = HessianScale(rows, begin + i);
    FillPast(size, weight);
    alignas(64) double poles[kRows];
    alignas(64) double largest[kRows];
    alignas(64) double truths[kRows];
    const D zero(0.0);
    const D most(RowHessian<T, Arch>::kLargest);
    for (int64_t i = 0; i < size; i += kWidth) {
      D curved = D::load_aligned(curvature + i);
      if (rows.curvature == Curvature::kPositive) curved = ZeroWhere(curved < zero, curved);
      const D c = D::load_aligned(one_minus_p + i);
      const D by = D::load_aligned(slope + i);
      const D pm = D::load_aligned(p_max + i);
      const D w = D::load_aligned(weight + i);
      const D pole = ZeroWhere(c == zero, D(curved / c));
      const D above = xsimd::select(pole < -most, -most, pole);
      xsimd::select(most < above, most, above).store_aligned(poles + i);
      const D of_largest = pole * pm * pm - by * pm * (D::load_aligned(rest + i) * pm);
      const D of_truth = curved * c - by * D::load_aligned(p + i) * c;
      (w * of_largest).store_aligned(largest + i);
      (w * of_truth).store_aligned(truths + i);
    }
    const T floor = RowHessian<T, Arch>::FloorOf(rows.curvature);
    for (int64_t i = 0; i < static_cast<int64_t>(kRows); ++i) {
      const bool is_row = i < size;
      to.factor[i] = is_row ? static_cast<T>(p_max[i]) : T(0);
      to.pole[i] = is_row ? static_cast<T>(poles[i]) : T(0);
      to.slope[i] = is_row ? static_cast<T>(slope[i]) : T(0);
      to.scale[i] = is_row ? static_cast<T>(weight[i]) : T(0);
      to.largest[i] = is_row ? std::max(static_cast<T>(largest[i]), floor) : T(0);
      to.truth[i] = is_row ? std::max(static_cast<T>(truths[i]), floor) : T(0);
    }
  }

 private:
  using D = Lanes<double, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(D::size);

  // The columns that Evaluate needs for itself.
  struct Columns {
    alignas(64) double log_k[kRows];  // of ReducedLog
    alignas(64) double log_s[kRows];
    alignas(64) double log1p_rest[kRows];
    alignas(64) double values[kRows];
    alignas(64) double factors[kRows];
    alignas(64) double truths[kRows];
  };

  // Prepares the logarithms of all rows before the first is used. A CPU looks ahead by so many
  // operations, and where a register's are a long chain, it would not reach the next one's
  // division.
  void ReduceLogs(int64_t size, Columns& columns) {
    for (int64_t i = 0; i < size; i += kWidth) {
      const ReducedLog<D> reduced = ReduceLogOnePlus(D::load_aligned(rest + i));
      reduced.k.store_aligned(columns.log_k + i);
      reduced.s.store_aligned(columns.log_s + i);
      reduced.inverse.store_aligned(p_max + i);
    }
  }

  // Computes rows i, i + 1, ... of a register.
  LOSSD_ALWAYS_INLINE void EvaluateForm(int64_t i, const FormParameters& parameters,
                                        bool wants_curvature, Columns& columns) {
    const LogOnePlus<D> total = {
        LogOf<T>(D::load_aligned(columns.log_k + i), D::load_aligned(columns.log_s + i)),
        D::load_aligned(p_max + i)};
    total.log.store_aligned(columns.log1p_rest + i);
    const Point<D> x = PointAt(i, total);
    x.p.store_aligned(p + i);
    x.one_minus_p.store_aligned(one_minus_p + i);
    Weighted(D::load_aligned(loss_factor_ + i), Form::Value(x, parameters))
        .store_aligned(columns.values + i);
    const D slope_of_log = Form::Slope(x, parameters);
    slope_of_log.store_aligned(slope + i);
    // g_j = φ′ (δ_jt − p_j)
    const D scale = D::load_aligned(gradient_scale + i);
    Weighted(scale, -(slope_of_log * total.inverse)).store_aligned(columns.factors + i);
    Weighted(scale, slope_of_log * x.one_minus_p).store_aligned(columns.truths + i);
    if (wants_curvature) Form::Curvature(x, parameters).store_aligned(curvature + i);
  }

  static double HessianScale(const ClassIdRows<T>& rows, int64_t row) {
    if (rows.class_weight == nullptr) {
      return rows.factors.class_weight * rows.factors.hessian_scale;
    }
    const bool shares = rows.sample_weight == nullptr;
    return rows.class_weight[row] * (shares ? rows.factors.hessian_scale : rows.hessian_scale[row]);
  }

  Point<D> PointAt(int64_t i, const LogOnePlus<D>& total) const {
    const D one(1.0);
    const D below = D::load_aligned(below_max + i);
    Point<D> x;
    x.log_p = below - total.log;
    x.p = D::load_aligned(exp_truth + i) * total.inverse;
    // The largest class takes its 1 − p without subtracting.
    x.one_minus_p =
        xsimd::select(below == D(0.0), D::load_aligned(rest + i) * total.inverse, one - x.p);
    x.target = one;
    return x;
  }

  void LoadFactors(const ClassIdRows<T>& rows, int64_t begin, int64_t size) {
    if (rows.class_weight == nullptr) {
      const RowFactors& f = rows.factors;
      std::fill(loss_factor_, loss_factor_ + kRows, f.class_weight * f.sample_weight);
      std::fill(gradient_scale, gradient_scale + kRows, f.class_weight * f.gradient_scale);
      return;
    }
    if (rows.sample_weight == nullptr) {
      for (int64_t i = 0; i < size; ++i) {
        loss_factor_[i] = rows.class_weight[begin + i] * rows.factors.sample_weight;
        gradient_scale[i] = rows.class_weight[begin + i] * rows.factors.gradient_scale;
      }
      FillPast(size, loss_factor_);
      FillPast(size, gradient_scale);
      return;
    }
    for (int64_t i = 0; i < size; ++i) {
      const double class_weight = rows.class_weight[begin + i];
      loss_factor_[i] = class_weight * rows.sample_weight[begin + i];
      gradient_scale[i] = class_weight * rows.gradient_scale[begin + i];
    }
    FillPast(size, loss_factor_);
    FillPast(size, gradient_scale);
  }

  template <typename U>
  static void FillPast(int64_t size, U* column) {
    for (int64_t i = size; i < static_cast<int64_t>(kRows); ++i) column[i] = U(0);
  }

  static void Narrow(const double* from, int64_t size, T* to) {
    for (int64_t i = 0; i < size; ++i) to[i] = static_cast<T>(from[i]);
  }

  void WriteOthers(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                   const double* log1p_rest) const {
    if (rows.log_sum_exp != nullptr) {
      for (int64_t i = 0; i < size; ++i) {
        rows.log_sum_exp[begin + i] = static_cast<T>(max[i] + log1p_rest[i]);
      }
    }
    if (rows.true_probability != nullptr) {
      std::copy(p, p + size, rows.true_probability + begin);
    }
    if (rows.true_gradient != nullptr) {
      for (int64_t i = 0; i < size; ++i) {
        rows.true_gradient[begin + i] = slope[i] * one_minus_p[i];
      }
    }
  }

  alignas(64) double loss_factor_[kRows];
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_ROW_GROUP_INL_H_
