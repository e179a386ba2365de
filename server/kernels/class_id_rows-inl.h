#ifndef LOSSD_SERVER_KERNELS_CLASS_ID_ROWS_INL_H_
#define LOSSD_SERVER_KERNELS_CLASS_ID_ROWS_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/forms/point.h"
#include "server/kernels/lanes-inl.h"
#include "server/kernels/row_passes-inl.h"

namespace lossd::kernels {

// The kernel of kTruth forms for rows with one true class. Rows go in small groups: the passes over
// classes row by row, or, where rows are shorter than a few registers, class by class with a row in
// each lane; the few scalars of a row, in double, a SIMD batch of rows at a time. Which of the two
// depends on the number of classes alone.
template <class Form, typename T, class Arch>
class ClassIdKernel {
 public:
  static void Run(const ClassIdRows<T>& rows, const FormParameters& parameters) {
    if (rows.class_count <= kMaxLaneClasses) {
      for (int64_t begin = 0; begin < rows.row_count; begin += kLanes) {
        RunLanes(rows, begin, std::min(kLanes, rows.row_count - begin), parameters);
      }
      return;
    }
    const int64_t group = GroupSize(rows.class_count);
    for (int64_t begin = 0; begin < rows.row_count; begin += group) {
      RunGroup(rows, begin, std::min(group, rows.row_count - begin), parameters);
    }
  }

 private:
  using Passes = RowPasses<T, Arch>;
  using V = Batch<T, Arch>;
  using D = Batch<double, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kMaxGroup = kLanes;
  static constexpr int64_t kMaxLaneClasses = 32;

  struct Group {
    int64_t arg_max[kMaxGroup];
    // Columns of doubles, one entry per row.
    alignas(64) double max[kMaxGroup] = {};
    alignas(64) double rest[kMaxGroup] = {};
    alignas(64) double below_max[kMaxGroup] = {};  // z_t - z_m
    alignas(64) double is_max[kMaxGroup] = {};
    alignas(64) double log1p_rest[kMaxGroup];
    alignas(64) double p_max[kMaxGroup];
    alignas(64) double p[kMaxGroup];
    alignas(64) double one_minus_p[kMaxGroup];
    alignas(64) double value[kMaxGroup];
    alignas(64) double slope[kMaxGroup];
    alignas(64) double curvature[kMaxGroup];
  };

  // As many rows as stay in the L1 cache between the two passes over them.
  static int64_t GroupSize(int64_t class_count) {
    return std::clamp<int64_t>(4096 / class_count, 1, kMaxGroup);
  }

  static T* ExpsOf(const ClassIdRows<T>& rows, int64_t row) {
    T* base = rows.gradient != nullptr        ? rows.gradient
              : rows.probabilities != nullptr ? rows.probabilities
                                              : rows.hessian;
    return base == nullptr ? nullptr : base + row * rows.class_count;
  }

  static void RunGroup(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                       const FormParameters& parameters) {
    Group group;
    for (int64_t i = 0; i < size; ++i) {
      const int64_t row = begin + i;
      const T* z = rows.logits + row * rows.class_count;
      const int64_t m = Passes::ArgMax(z, rows.class_count);
      const int64_t t = rows.class_ids[row];
      group.arg_max[i] = m;
      group.max[i] = static_cast<double>(z[m]);
      group.rest[i] = Passes::SumExps(z, rows.class_count, m, ExpsOf(rows, row));
      group.below_max[i] = static_cast<double>(z[t]) - group.max[i];
      group.is_max[i] = t == m ? 1 : 0;
    }
    Evaluate(group, size, parameters);
    for (int64_t i = 0; i < size; ++i) {
      WriteScalars(rows, begin + i, group, i);
      WriteMatrices(rows, begin + i, group, i, ExpsOf(rows, begin + i));
      if (rows.gradient != nullptr) WriteGradient(rows, begin + i, group, i);
    }
  }

  // Rows [begin, begin + size), size <= kLanes, transposed: columns[j * kLanes + i] is class j of
  // row i.
  static void RunLanes(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                       const FormParameters& parameters) {
    alignas(64) T columns[kMaxLaneClasses * kLanes];
    const int64_t classes = rows.class_count;
    const T* z = rows.logits + begin * classes;
    if (size < kLanes) std::fill(columns, columns + classes * kLanes, T(0));
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t j = 0; j < classes; ++j) columns[j * kLanes + i] = z[i * classes + j];
    }
    Group group;
    for (int64_t k = 0; k < kLanes; k += kWidth) ReduceLanes(columns, classes, k, group);
    for (int64_t i = 0; i < size; ++i) {
      const int64_t t = rows.class_ids[begin + i];
      group.below_max[i] = static_cast<double>(z[i * classes + t]) - group.max[i];
      group.is_max[i] = t == group.arg_max[i] ? 1 : 0;
    }
    Evaluate(group, size, parameters);
    for (int64_t i = 0; i < size; ++i) WriteScalars(rows, begin + i, group, i);
    if (rows.hessian != nullptr || rows.probabilities != nullptr) {
      T exps[kMaxLaneClasses];
      for (int64_t i = 0; i < size; ++i) {
        for (int64_t j = 0; j < classes; ++j) exps[j] = columns[j * kLanes + i];
        WriteMatrices(rows, begin + i, group, i, exps);
      }
    }
    if (rows.gradient != nullptr) WriteLaneGradients(rows, begin, size, group, columns);
  }

  // Maximum and held-out sum of the rows in lanes k, k + 1, ...; replaces logits by exponentials.
  static void ReduceLanes(T* columns, int64_t classes, int64_t k, Group& group) {
    const V zero(T(0));
    V best(-kInfinity<T>);
    V index(zero);
    for (int64_t j = 0; j < classes; ++j) {
      const V v = V::load_aligned(columns + j * kLanes + k);
      const auto larger = v > best;
      best = xsimd::select(larger, v, best);
      index = xsimd::select(larger, V(static_cast<T>(j)), index);
    }
    // Without a largest (all NaN or -inf) class 0 stands in, and the row comes out NaN.
    const V max = xsimd::select(best == V(-kInfinity<T>), V::load_aligned(columns + k), best);
    V rest[2] = {max - max, zero};
    for (int64_t j = 0; j < classes; ++j) {
      T* const column = columns + j * kLanes + k;
      const V e = xsimd::exp(V::load_aligned(column) - max);
      e.store_aligned(column);
      rest[j % 2] += xsimd::select(index == V(static_cast<T>(j)), zero, e);
    }
    alignas(64) T lanes[3][V::size];
    max.store_aligned(lanes[0]);
    (rest[0] + rest[1]).store_aligned(lanes[1]);
    index.store_aligned(lanes[2]);
    for (int64_t i = 0; i < kWidth; ++i) {
      group.max[k + i] = static_cast<double>(lanes[0][i]);
      group.rest[k + i] = static_cast<double>(lanes[1][i]);
      group.arg_max[k + i] = static_cast<int64_t>(lanes[2][i]);
    }
  }

  static void WriteLaneGradients(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                                 const Group& group, T* columns) {
    // Per row: the factor of the exponentials, the true class's entry, its index.
    alignas(64) T factor[kLanes] = {};
    alignas(64) T truth[kLanes] = {};
    alignas(64) T index[kLanes] = {};
    for (int64_t i = 0; i < size; ++i) {
      const double scale = rows.class_weight[begin + i] * rows.gradient_scale[begin + i];
      if (scale == 0) continue;
      const double slope = scale * group.slope[i];
      factor[i] = static_cast<T>(-slope * group.p_max[i]);
      truth[i] = static_cast<T>(slope * group.one_minus_p[i]);
      index[i] = static_cast<T>(rows.class_ids[begin + i]);
    }
    const int64_t classes = rows.class_count;
    for (int64_t j = 0; j < classes; ++j) {
      for (int64_t k = 0; k < kLanes; k += kWidth) {
        T* const column = columns + j * kLanes + k;
        const V g = Weighted(V::load_aligned(factor + k), V::load_aligned(column));
        const auto is_truth = V::load_aligned(index + k) == V(static_cast<T>(j));
        xsimd::select(is_truth, V::load_aligned(truth + k), g).store_aligned(column);
      }
    }
    T* const out = rows.gradient + begin * classes;
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t j = 0; j < classes; ++j) out[i * classes + j] = columns[j * kLanes + i];
    }
  }

  static void Evaluate(Group& group, int64_t size, const FormParameters& parameters) {
    const D zero(0.0);
    const D one(1.0);
    for (int64_t i = 0; i < size; i += static_cast<int64_t>(D::size)) {
      const D rest = D::load_aligned(group.rest + i);
      const D below_max = D::load_aligned(group.below_max + i);
      const auto is_max = D::load_aligned(group.is_max + i) != zero;
      const D log1p_rest = xsimd::log1p(rest);
      const D p_max = one / (one + rest);
      Point<D> x;
      x.log_p = xsimd::select(is_max, zero, below_max) - log1p_rest;
      x.p = xsimd::select(is_max, p_max, xsimd::exp(x.log_p));
      x.one_minus_p = xsimd::select(is_max, rest * p_max, one - x.p);
      x.target = one;
      log1p_rest.store_aligned(group.log1p_rest + i);
      p_max.store_aligned(group.p_max + i);
      x.p.store_aligned(group.p + i);
      x.one_minus_p.store_aligned(group.one_minus_p + i);
      Form::Value(x, parameters).store_aligned(group.value + i);
      Form::Slope(x, parameters).store_aligned(group.slope + i);
      Form::Curvature(x, parameters).store_aligned(group.curvature + i);
    }
  }

  static void WriteScalars(const ClassIdRows<T>& rows, int64_t row, const Group& group, int64_t i) {
    if (rows.losses != nullptr) {
      const double weight = rows.class_weight[row] * rows.sample_weight[row];
      rows.losses[row] = weight == 0 ? T(0) : static_cast<T>(weight * group.value[i]);
    }
    if (rows.log_sum_exp != nullptr) {
      rows.log_sum_exp[row] = static_cast<T>(group.max[i] + group.log1p_rest[i]);
    }
    if (rows.true_probability != nullptr) rows.true_probability[row] = group.p[i];
    if (rows.true_gradient != nullptr) {
      rows.true_gradient[row] = group.slope[i] * group.one_minus_p[i];
    }
  }

  // The gradient is written after these: its row may hold the exponentials that they read.
  static void WriteMatrices(const ClassIdRows<T>& rows, int64_t row, const Group& group, int64_t i,
                            const T* exps) {
    if (rows.hessian != nullptr) WriteHessian(rows, row, group, i, exps);
    if (rows.probabilities == nullptr) return;
    Passes::Scale(exps, rows.class_count, static_cast<T>(group.p_max[i]),
                  rows.probabilities + row * rows.class_count);
  }

  // g_j = phi' (delta_jt - p_j)
  static void WriteGradient(const ClassIdRows<T>& rows, int64_t row, const Group& group,
                            int64_t i) {
    T* out = rows.gradient + row * rows.class_count;
    const double scale = rows.class_weight[row] * rows.gradient_scale[row];
    if (scale == 0) {
      std::fill(out, out + rows.class_count, T(0));
      return;
    }
    const double slope = scale * group.slope[i];
    Passes::Scale(out, rows.class_count, static_cast<T>(-slope * group.p_max[i]), out);
    out[rows.class_ids[row]] = static_cast<T>(slope * group.one_minus_p[i]);
  }

  // h_j = phi'' (delta_jt - p_j)^2 - phi' p_j (1 - p_j)
  static void WriteHessian(const ClassIdRows<T>& rows, int64_t row, const Group& group, int64_t i,
                           const T* exps) {
    T* out = rows.hessian + row * rows.class_count;
    const bool positive = rows.curvature == Curvature::kPositive;
    const T floor = positive ? T(1e-16) : -kInfinity<T>;
    const double scale = rows.class_weight[row] * rows.hessian_scale[row];
    if (scale == 0) {
      std::fill(out, out + rows.class_count, positive ? floor : T(0));
      return;
    }
    const double c = group.one_minus_p[i];
    const double slope = group.slope[i];
    const double curvature = positive ? std::max(group.curvature[i], 0.0) : group.curvature[i];
    // phi'' itself has a pole where c is 0; there every p_j that it multiplies is 0 as well.
    const double pole = c == 0 ? 0 : curvature / c;
    const auto other = [&](double p, double one_minus_p) {
      return scale * (pole * p * p - slope * p * one_minus_p);
    };
    const int64_t m = group.arg_max[i];
    const int64_t t = rows.class_ids[row];
    const V factor(static_cast<T>(group.p_max[i]));
    const V one(T(1));
    const V pole_v(static_cast<T>(std::clamp<double>(pole, -kLargest, kLargest)));
    const V slope_v(static_cast<T>(slope));
    const V scale_v(static_cast<T>(scale));
    const V floor_v(floor);
    Passes::Map(exps, rows.class_count, out, [&](const V& e) {
      const V p = e * factor;
      const V h = scale_v * (pole_v * p * p - slope_v * p * (one - p));
      return xsimd::select(h < floor_v, floor_v, h);
    });
    // 1 - p_m without subtracting.
    const double p_m = group.p_max[i];
    out[m] = std::max(static_cast<T>(other(p_m, group.rest[i] * p_m)), floor);
    out[t] = std::max(static_cast<T>(scale * (curvature * c - slope * group.p[i] * c)), floor);
  }

  static constexpr double kLargest = static_cast<double>(std::numeric_limits<T>::max()) / 4;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_CLASS_ID_ROWS_INL_H_
