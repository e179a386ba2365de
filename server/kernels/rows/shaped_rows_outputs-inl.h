#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_ROWS_OUTPUTS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_ROWS_OUTPUTS_INL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/row_shape.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_writer-inl.h"
#include "server/kernels/rows/shaped_group-inl.h"
#include "server/kernels/rows/shaped_lanes-inl.h"
#include "server/kernels/rows/shaped_lanes_outputs-inl.h"
#include "server/kernels/rows/shaped_lanes_sums-inl.h"
#include "server/kernels/rows/shaped_row-inl.h"
#include "server/kernels/rows/shaped_rows-inl.h"
#include "server/kernels/rows/truth_form-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"

// Writes what a group of ShapedRowsKernel is asked for, from its exponentials.

namespace lossd::kernels {

template <typename T, typename Arch>
inline int64_t ShapedRowsKernel<T, Arch>::ArgMax(int64_t i) const {
  int64_t arg_max = -1;
  ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
    if (arg_max >= 0 || ratio != 1) return;
    const T* const exps = ExpsOf(i) + begin;
    arg_max =
        begin + (form_.is_squared_error() ? Passes::FirstOne(exps, count)
                                          : RowPasses<T, Arch>::FirstEqual(exps, count, T(1)));
  });
  return std::max<int64_t>(arg_max, 0);
}

template <typename T, typename Arch>
inline GradientTerms<T> ShapedRowsKernel<T, Arch>::TermsOf(const Group& group, int64_t i,
                                                           int64_t begin, double ratio) const {
  GradientTerms<T> terms;
  terms.a = static_cast<T>(group.a[i] * ratio * ratio);
  terms.b = static_cast<T>(group.b[i] * ratio);
  if (form_.is_squared_error()) SetSquared(group, i, begin, ratio, terms);
  if (shape_.smoothing != 0) {
    terms.c = static_cast<T>(-shape_.smoothing / static_cast<double>(classes_));
    if (shape_.class_weights != nullptr) terms.weights = shape_.class_weights + begin;
  }
  if (caps_.slopes != nullptr) terms.slopes = CapsOf(i).slopes + begin;
  return terms;
}

template <typename T, typename Arch>
inline void ShapedRowsKernel<T, Arch>::SetSquared(const Group& group, int64_t i, int64_t begin,
                                                  double ratio, GradientTerms<T>& terms) const {
  terms.kept = KeptExps::kSigned;
  terms.shift = static_cast<T>(group.shift[i]);
  if (classes_ <= kChunkClasses || group.shift[i] == 0) return;
  // r e − 1 = r (e − 1) − (1 − r)
  const double gap = softmax_.Gap(MaximaOf(i)[begin / kChunkClasses], row_max_[i]);
  terms.b = static_cast<T>((group.b[i] - group.a[i] * gap) * ratio);
}

template <typename T, typename Arch>
inline void ShapedRowsKernel<T, Arch>::WriteGradientTo(const Group& group, int64_t i,
                                                       T* out) const {
  const double scale = group.gradient_scale[i];
  if (scale == 0) {
    std::fill(out, out + classes_, T(0));
    return;
  }
  const SplitScale<T> split(scale);
  ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
    T* const exps = ExpsOf(i) + begin;
    if (IsLinear()) {
      RowPasses<T, Arch>::Scale(exps, count, LinearFactor(group, i, ratio), out + begin);
      return;
    }
    GradientTerms<T> terms = TermsOf(group, i, begin, ratio);
    terms.scale = split.first;
    Passes::WriteGradient(exps, count, terms, out + begin);
    if (split.second == T(1)) return;
    RowPasses<T, Arch>::Scale(out + begin, count, split.second, out + begin);
  });
  SetOwn(i, group.largest_gradient[i] * scale, group.truth_gradient[i] * scale, out);
}

template <typename T, typename Arch>
inline void ShapedRowsKernel<T, Arch>::SetOwn(int64_t i, double of_largest, double of_truth,
                                              T* out) const {
  const int64_t m = largest_[i];
  const int64_t t = ClassIdOf(i);
  if (HoldsLargestOut()) out[m] = static_cast<T>(of_largest * SlopeOf(i, m));
  out[t] = static_cast<T>(of_truth * SlopeOf(i, t));
}

template <typename T, typename Arch>
inline double ShapedRowsKernel<T, Arch>::SumGradient(const Group& group, int64_t i) const {
  const int64_t t = ClassIdOf(i);
  const bool simple = IsLinear() && shape_.softcap == 0 && shape_.z_loss == 0;
  const double of_truth = std::abs(group.truth_gradient[i]) * SlopeOf(i, t);
  if (simple) return 2 * of_truth * shape_.scale;  // those of the others add up to it
  const int64_t m = HoldsLargestOut() ? largest_[i] : t;
  T* const exps = ExpsOf(i);
  const T kept_m = exps[m];
  const T kept_t = exps[t];
  exps[m] = exps[t] = 0;
  double sum = of_truth;
  double apart = TermOfNothing(i, t);  // what exponentials of 0 have added
  if (m != t) {
    sum += std::abs(group.largest_gradient[i]) * SlopeOf(i, m);
    apart += TermOfNothing(i, m);
  }
  double of_others = 0;
  ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
    of_others += Passes::SumAbsolute(exps + begin, count, TermsOf(group, i, begin, ratio));
  });
  exps[m] = kept_m;
  exps[t] = kept_t;
  return (sum + std::max(of_others - apart, 0.0)) * shape_.scale;
}

template <typename T, typename Arch>
inline void ShapedRowsKernel<T, Arch>::Queue(const Group& group, Writer& writer) const {
  if (joined_) {
    for (int64_t i = 0; i < size_; ++i) WriteGradientTo(group, i, ExpsOf(i));
    // Factor 1: the rows are written unchanged.
    factors_[0] = factors_[1] = T(1);
    writer.Add({exps_, size_ * classes_, factors_});
    return;
  }
  for (int64_t i = 0; i < size_; ++i) QueueRow(group, i, writer);
}

template <typename T, typename Arch>
inline void ShapedRowsKernel<T, Arch>::QueueRow(const Group& group, int64_t i,
                                                Writer& writer) const {
  T* const factors = factors_ + i;
  PendingRow<T> row = {ExpsOf(i), classes_, factors};
  const double scale = group.gradient_scale[i];
  if (IsLinear() && scale != 0) {
    ForEachChunk(i, [&](int64_t begin, int64_t, double ratio) {
      factors[begin / kChunkClasses] = LinearFactor(group, i, ratio);
    });
    row.own_class = ClassIdOf(i);
    row.own = static_cast<T>(group.truth_gradient[i] * scale * SlopeOf(i, row.own_class));
    ExpsOf(i)[row.own_class] = T(1);  // as PendingRow demands
  } else {
    WriteGradientTo(group, i, ExpsOf(i));
    std::fill(factors, factors + (classes_ + kChunkClasses - 1) / kChunkClasses, T(1));
  }
  writer.Add(row);
}

template <typename T, typename Arch>
inline void ShapedRowsKernel<T, Arch>::WriteProbabilities(const Group& group, int64_t i) const {
  T* const out = rows_.probabilities + (begin_ + i) * classes_;
  ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
    const T factor = static_cast<T>(group.p_max[i] * ratio);
    const T* const exps = ExpsOf(i) + begin;
    if (form_.is_squared_error()) {
      Passes::ScaleUnits(exps, count, factor, out + begin);
    } else {
      RowPasses<T, Arch>::Scale(exps, count, factor, out + begin);
    }
  });
}

template <typename T, typename Arch>
inline void ShapedRowsKernel<T, Arch>::WriteHessian(const Group& group, int64_t i) const {
  T* const out = rows_.hessian + (begin_ + i) * classes_;
  HessianTerms<T> terms;
  terms.scale = static_cast<T>(group.hessian_scale[i]);
  if (rows_.curvature == Curvature::kPositive) terms.floor = static_cast<T>(kHessianFloor);
  if (group.hessian_scale[i] == 0) {
    std::fill(out, out + classes_, std::max(T(0), terms.floor));
    return;
  }
  if (caps_.tanhs != nullptr) terms.second = static_cast<T>(SecondFactor());
  ForEachChunk(i, [&](int64_t begin, int64_t count, double ratio) {
    terms.h0 = static_cast<T>(group.h0[i] * ratio);
    terms.h1 = static_cast<T>(group.h1[i] * ratio * ratio);
    terms.h2 = static_cast<T>(group.h2[i] * ratio * ratio * ratio);
    if (caps_.tanhs != nullptr) terms.tanhs = CapsOf(i).tanhs + begin;
    Passes::WriteHessian(ExpsOf(i) + begin, count, TermsOf(group, i, begin, ratio), terms,
                         out + begin);
  });
  const auto set = [&](int64_t j, double h, double g) {
    const double slope = SlopeOf(i, j);
    if (caps_.tanhs != nullptr) {
      const auto tanh = static_cast<double>(CapsOf(i).tanhs[j]);
      h = h * slope * slope + g * slope * SecondFactor() * tanh;
    }
    h = rows_.curvature == Curvature::kPositive ? std::abs(h) : h;
    out[j] = std::max(static_cast<T>(h * group.hessian_scale[i]), terms.floor);
  };
  set(largest_[i], group.largest_hessian[i], group.largest_gradient[i]);
  set(ClassIdOf(i), group.truth_hessian[i], group.truth_gradient[i]);
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_ROWS_OUTPUTS_INL_H_
