#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_OUTPUTS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_OUTPUTS_INL_H_

#include <cstdint>

#include "server/kernels/hessian.h"
#include "server/kernels/rows/shaped_chunk-inl.h"
#include "server/kernels/rows/shaped_lanes-inl.h"
#include "server/kernels/rows/shaped_largest-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/signed_unit-inl.h"

// Writes the gradients, Hessians and probabilities of ShapedLanes.

namespace lossd::kernels {

// What makes the tile's exponentials its gradient, in columns.
template <typename T, typename Arch>
struct ShapedLanes<T, Arch>::GradientColumns {
  alignas(64) Column a;
  alignas(64) Column b;
  alignas(64) Column c;
  alignas(64) Column shift;  // of the squared error
  alignas(64) Column truth;
  alignas(64) Column largest;
  alignas(64) Column id;
  alignas(64) Column largest_id;  // −1: it has no value of its own
  alignas(64) Column scale;       // of classes that have no value of their own
  alignas(64) Column beyond;      // once more: SplitScale
  alignas(64) Column is_kept;
  bool any_beyond = false;
};

template <typename T, typename Arch>
inline void ShapedLanes<T, Arch>::FillGradient(const double* scales,
                                               GradientColumns& columns) const {
  const double q = shape_.smoothing / static_cast<double>(rows_.class_count);
  for (int64_t i = 0; i < kTile; ++i) {
    const double scale = scales == nullptr ? 1 : scales[i];
    const SplitScale<T> split(scale);
    columns.any_beyond |= split.second != T(1);
    columns.a[i] = static_cast<T>(group_.a[i]);
    // Where it is all that there is to the gradient, it takes the scale along.
    columns.b[i] = static_cast<T>(IsLinear() ? group_.b[i] * scale : group_.b[i]);
    columns.c[i] = static_cast<T>(-q);
    columns.shift[i] = form_.is_squared_error() ? static_cast<T>(group_.shift[i]) : T(0);
    columns.truth[i] = static_cast<T>(group_.truth_gradient[i] * scale);
    columns.largest[i] = static_cast<T>(group_.largest_gradient[i] * scale);
    columns.scale[i] = split.first;
    columns.beyond[i] = split.second;
    columns.is_kept[i] = static_cast<T>(scale == 0 ? 0 : 1);
    columns.largest_id[i] = HoldsLargestOut() ? largest_[i] : T(-1);
    columns.id[i] = T(-1);
  }
  const int64_t* const ids = rows_.class_ids + tile_.begin;
  for (int64_t i = 0; i < tile_.size; ++i) columns.id[i] = static_cast<T>(ids[i]);
}

template <typename T, typename Arch>
LOSSD_ALWAYS_INLINE inline Lanes<T, Arch> ShapedLanes<T, Arch>::GradientAt(
    const GradientColumns& columns, int64_t j, int64_t k) const {
  const V own(static_cast<T>(j));
  const V e = V::load_aligned(columns_ + j * kTile + k);
  V g = e * V::load_aligned(columns.b + k);
  if (form_.is_squared_error()) {
    const V shifted = ShiftedUnit(e, V::load_aligned(columns.shift + k));
    g = UnitOf(e) *
        xsimd::fma(V::load_aligned(columns.a + k), shifted, V::load_aligned(columns.b + k));
    g = g * V::load_aligned(columns.scale + k);
    if (columns.any_beyond) g = g * V::load_aligned(columns.beyond + k);
  } else if (HoldsLargestOut()) {
    const V weight(shape_.class_weights == nullptr ? T(1) : shape_.class_weights[j]);
    const V c = V::load_aligned(columns.c + k) * weight;
    g = xsimd::fma(
        e, V(xsimd::fma(V::load_aligned(columns.a + k), e, V::load_aligned(columns.b + k))), c);
    g = g * V::load_aligned(columns.scale + k);
    if (columns.any_beyond) g = g * V::load_aligned(columns.beyond + k);
    g = xsimd::select(V::load_aligned(columns.largest_id + k) == own,
                      V::load_aligned(columns.largest + k), g);
  }
  return xsimd::select(V::load_aligned(columns.id + k) == own, V::load_aligned(columns.truth + k),
                       g);
}

template <typename T, typename Arch>
LOSSD_NOINLINE inline void ShapedLanes<T, Arch>::WriteGradients() {
  GradientColumns columns;
  FillGradient(group_.gradient_scale, columns);
  const bool has_slopes = shape_.softcap != 0 && !caps_alone_;
  if (caps_alone_) ChainGradients(columns);
  ForEachRegister([&](int64_t j, int64_t k, int64_t at) LOSSD_ALWAYS_INLINE {
    V g = GradientAt(columns, j, k);
    if (has_slopes) g = g * V::load_aligned(slopes_ + at);
    g = ZeroWhere(V::load_aligned(columns.is_kept + k) == V(T(0)), g);
    g.store_aligned(columns_ + at);
  });
  Matrix::Store(rows_, tile_.begin, tile_.size, columns_, rows_.gradient);
}

template <typename T, typename Arch>
inline void ShapedLanes<T, Arch>::ChainGradients(GradientColumns& columns) {
  for (int64_t i = 0; i < kTile; ++i) columns.truth[i] *= truth_slope_[i];
  if (!WantsSlopes()) return;
  ForEachRegister([&](int64_t, int64_t, int64_t at) LOSSD_ALWAYS_INLINE {
    V(V::load_aligned(columns_ + at) * V::load_aligned(slopes_ + at)).store_aligned(columns_ + at);
  });
}

template <typename T, typename Arch>
LOSSD_NOINLINE inline void ShapedLanes<T, Arch>::ChainTrueGradients() {
  for (int64_t i = 0; i < tile_.size; ++i) {
    rows_.true_gradient[tile_.begin + i] *= static_cast<double>(truth_slope_[i]);
  }
}

template <typename T, typename Arch>
LOSSD_NOINLINE inline void ShapedLanes<T, Arch>::SumGradients() {
  GradientColumns columns;
  FillGradient(nullptr, columns);
  alignas(64) Column sums = {};
  ForEachRegister([&](int64_t j, int64_t k, int64_t at) LOSSD_ALWAYS_INLINE {
    V g = xsimd::abs(GradientAt(columns, j, k));
    if (shape_.softcap != 0) g = g * V::load_aligned(slopes_ + at);
    V(V::load_aligned(sums + k) + g).store_aligned(sums + k);
  });
  for (int64_t i = 0; i < tile_.size; ++i) {
    rows_.gradient_l1[tile_.begin + i] = static_cast<double>(sums[i]) * shape_.scale;
  }
}

template <typename T, typename Arch>
LOSSD_NOINLINE inline void ShapedLanes<T, Arch>::WriteProbabilities() {
  alignas(64) Columns out;
  alignas(64) Column factor;
  for (int64_t i = 0; i < kTile; ++i) factor[i] = static_cast<T>(group_.p_max[i]);
  ForEachRegister([&](int64_t, int64_t k, int64_t at) LOSSD_ALWAYS_INLINE {
    V(ExpAt(at) * V::load_aligned(factor + k)).store_aligned(out + at);
  });
  Matrix::Store(rows_, tile_.begin, tile_.size, out, rows_.probabilities);
}

template <typename T, typename Arch>
struct ShapedLanes<T, Arch>::HessianColumns {
  alignas(64) Column h0;
  alignas(64) Column h1;
  alignas(64) Column h2;
  alignas(64) Column truth;
  alignas(64) Column largest;
  alignas(64) Column scale;
};

template <typename T, typename Arch>
LOSSD_NOINLINE inline void ShapedLanes<T, Arch>::WriteHessians() {
  GradientColumns gradient;
  FillGradient(nullptr, gradient);
  HessianColumns columns;
  for (int64_t i = 0; i < kTile; ++i) {
    columns.h0[i] = static_cast<T>(group_.h0[i]);
    columns.h1[i] = static_cast<T>(group_.h1[i]);
    columns.h2[i] = static_cast<T>(group_.h2[i]);
    columns.truth[i] = static_cast<T>(group_.truth_hessian[i]);
    columns.largest[i] = static_cast<T>(group_.largest_hessian[i]);
    columns.scale[i] = static_cast<T>(group_.hessian_scale[i]);
  }
  const bool is_positive = rows_.curvature == Curvature::kPositive;
  const V floor(is_positive ? static_cast<T>(kHessianFloor) : T(0));
  alignas(64) Columns out;
  ForEachRegister([&](int64_t j, int64_t k, int64_t at) LOSSD_ALWAYS_INLINE {
    V h = HessianAt(gradient, columns, j, k);
    if (shape_.softcap != 0) h = ChainHessian(h, GradientAt(gradient, j, k), at);
    const V scale = V::load_aligned(columns.scale + k);
    h = scale * (is_positive ? xsimd::abs(h) : h);
    h = ZeroWhere(scale == V(T(0)), h);
    if (is_positive) h = xsimd::select(h < floor, floor, h);
    h.store_aligned(out + at);
  });
  Matrix::Store(rows_, tile_.begin, tile_.size, out, rows_.hessian);
}

template <typename T, typename Arch>
LOSSD_ALWAYS_INLINE inline Lanes<T, Arch> ShapedLanes<T, Arch>::HessianAt(
    const GradientColumns& gradient, const HessianColumns& columns, int64_t j, int64_t k) const {
  const V own(static_cast<T>(j));
  const V e = ExpAt(j * kTile + k);
  const V inner = xsimd::fma(V::load_aligned(columns.h2 + k), e, V::load_aligned(columns.h1 + k));
  V h = e * xsimd::fma(e, inner, V::load_aligned(columns.h0 + k));
  h = xsimd::select(V::load_aligned(largest_ + k) == own, V::load_aligned(columns.largest + k), h);
  return xsimd::select(V::load_aligned(gradient.id + k) == own, V::load_aligned(columns.truth + k),
                       h);
}

template <typename T, typename Arch>
LOSSD_ALWAYS_INLINE inline Lanes<T, Arch> ShapedLanes<T, Arch>::ChainHessian(const V& h, const V& g,
                                                                             int64_t at) const {
  const V slope = V::load_aligned(slopes_ + at);
  const V second(static_cast<T>(-2 / (shape_.softcap * shape_.scale)));
  return slope * (h * slope + g * (second * V::load_aligned(tanhs_ + at)));
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_OUTPUTS_INL_H_
