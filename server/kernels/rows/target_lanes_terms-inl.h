#ifndef LOSSD_SERVER_KERNELS_ROWS_TARGET_LANES_TERMS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TARGET_LANES_TERMS_INL_H_

#include <cstdint>

#include "server/kernels/rows/target_lanes-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"

// Sums the terms of TargetLanes' forms.

namespace lossd::kernels {

template <typename T, typename Arch>
LOSSD_NOINLINE LOSSD_FLATTEN inline void TargetLanes<T, Arch>::AddTerms() {
  alignas(64) Column log_sum = {};
  alignas(64) Column factor = {};
  alignas(64) Column values = {};
  alignas(64) Column slopes = {};
  for (int64_t i = 0; i < tile_.size; ++i) {
    log_sum[i] = static_cast<T>(group_.log1p_rest[i]);
    factor[i] = static_cast<T>(group_.p_max[i]);
  }
  for (int64_t j = 0; j < rows_.class_count; ++j) {
    AddTermsOf(j, {log_sum, factor, values, slopes});
  }
  for (int64_t i = 0; i < kTile; ++i) {
    group_.other_values[i] = static_cast<double>(values[i]);
    group_.other_slopes[i] = static_cast<double>(slopes[i]);
  }
}

// Columns of a tile's rows that all classes read, or add to.
template <typename T, typename Arch>
struct TargetLanes<T, Arch>::RowColumns {
  const T* log_sum;
  const T* factor;
  T* values;
  T* slopes;
};

template <typename T, typename Arch>
LOSSD_ALWAYS_INLINE inline void TargetLanes<T, Arch>::AddTermsOf(int64_t j, const RowColumns& of) {
  alignas(64) Column log_p;
  alignas(64) Column p;
  alignas(64) Column one_minus_p;
  alignas(64) Column value;
  alignas(64) Column slope;
  T* const terms = terms_ + j * kTile;
  for (int64_t k = 0; k < kTile; k += kWidth) {
    const V e = V::load_aligned(columns_ + j * kTile + k) * V::load_aligned(of.factor + k);
    V(V::load_aligned(terms + k) - V::load_aligned(of.log_sum + k)).store_aligned(log_p + k);
    e.store_aligned(p + k);
    V(V(T(1)) - e).store_aligned(one_minus_p + k);
  }
  form_.terms({log_p, p, one_minus_p, value, slope}, kTile, parameters_);
  for (int64_t k = 0; k < kTile; k += kWidth) {
    const V a = V::load_aligned(weighted_ + j * kTile + k);
    const auto is_own = V::load_aligned(largest_ + k) == V(static_cast<T>(j));
    const V b = ZeroWhere(is_own, Weighted(a, V::load_aligned(slope + k)));
    const V v = ZeroWhere(is_own, Weighted(a, V::load_aligned(value + k)));
    V(V::load_aligned(of.values + k) + v).store_aligned(of.values + k);
    V(V::load_aligned(of.slopes + k) + b).store_aligned(of.slopes + k);
    V(-b).store_aligned(terms + k);
  }
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TARGET_LANES_TERMS_INL_H_
