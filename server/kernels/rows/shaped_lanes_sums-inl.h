#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_SUMS_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_SUMS_INL_H_

#include <cstddef>
#include <cstdint>

#include "server/kernels/rows/capped_logits-inl.h"
#include "server/kernels/rows/shaped_chunk-inl.h"
#include "server/kernels/rows/shaped_lanes-inl.h"
#include "server/kernels/rows/shaped_largest-inl.h"
#include "server/kernels/rows/shaped_row-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/signed_unit-inl.h"
#include "server/kernels/simd/softcap-inl.h"

// Sums the exponentials of ShapedLanes.

namespace lossd::kernels {

template <typename T, typename Arch>
inline void ShapedLanes<T, Arch>::ReduceCapped() {
  Matrix::FindMaxima(columns_, kTile, rows_.class_count, columns_, base_of_largest_);
  const bool is_near = ShapedPasses<T, Arch>::LargestSize(columns_, rows_.class_count * kTile) <=
                       capped_.softcap().most_near();
  alignas(64) Column truth_base = {};
  alignas(64) Column truth_addend;
  const int64_t* const ids = rows_.class_ids + tile_.begin;
  for (int64_t i = 0; i < tile_.size; ++i) truth_base[i] = columns_[ids[i] * kTile + i];
  CapColumn(base_of_largest_, addend_of_largest_, nullptr);
  CapColumn(truth_base, truth_addend, truth_slope_);
  for (int64_t i = 0; i < kTile; ++i) {
    const ShapedLogit<T> largest = {base_of_largest_[i], addend_of_largest_[i]};
    const ShapedLogit<T> truth = {truth_base[i], truth_addend[i]};
    group_.max[i] = largest.Value(shape_.scale);
    group_.below_max[i] = truth.Minus(largest, shape_.scale);
  }
  if (WantsSlopes()) {
    SumCapped<CapSlopes::kApart, CapRange::kAny>();
  } else if (is_near) {
    SumCapped<CapSlopes::kMultiply, CapRange::kNear>();
  } else {
    SumCapped<CapSlopes::kMultiply, CapRange::kAny>();
  }
}

template <typename T, typename Arch>
LOSSD_NOINLINE inline void ShapedLanes<T, Arch>::CapColumn(T* logits, T* addends, T* slopes) const {
  const CappedDifferences<V> differences = capped_;  // in registers
  for (int64_t k = 0; k < kTile; k += kWidth) {
    const CappedLogit<V> capped = differences.softcap().Of(V::load_aligned(logits + k));
    const auto parts = differences.PartsOf(capped);
    parts.base.store_aligned(logits + k);
    parts.addend.store_aligned(addends + k);
    if (slopes != nullptr) capped.slope.store_aligned(slopes + k);
  }
}

// The sums of a register of rows.
template <typename T, typename Arch>
struct ShapedLanes<T, Arch>::Sums {
  V base;
  V addend;
  V rest = V(T(0));
  // All that equal the maximum are held out; all but one of them are added again, 1 each.
  V equals = V(T(-1));
  V logits = V(T(0));
  V squares = V(T(0));
  V gaps = V(T(0));     // Σ e (e − 1)
  V largest = V(T(0));  // the class, and its weight
  V largest_weight = V(T(1));
};

template <typename T, typename Arch>
template <RowSums kSums>
LOSSD_NOINLINE inline void ShapedLanes<T, Arch>::SumExps() {
  for (int64_t k = 0; k < tile_.size; k += kStep) {
    if (shape_.HasAddends()) {
      SumExpsOf<kSums, true>(k);
    } else {
      SumExpsOf<kSums, false>(k);
    }
  }
}

template <typename T, typename Arch>
template <RowSums kSums, bool kHasAddends>
LOSSD_ALWAYS_INLINE inline void ShapedLanes<T, Arch>::SumExpsOf(int64_t k) {
  const Factor<V> scale = scale_;  // in registers
  const T* const weights = shape_.class_weights;
  const int64_t classes = rows_.class_count;
  Sums sums[static_cast<size_t>(kRegisters)];
  for (int64_t r = 0; r < kRegisters; ++r) {
    sums[r].base = V::load_aligned(base_of_largest_ + k + r * kWidth);
    sums[r].addend = V::load_aligned(addend_of_largest_ + k + r * kWidth);
  }
  for (int64_t j = 0; j < classes; ++j) {
    const V weight(weights == nullptr ? T(1) : weights[j]);
    for (int64_t r = 0; r < kRegisters; ++r) {
      AddExp<kSums, kHasAddends>(j, j * kTile + k + r * kWidth, scale, weight, sums[r]);
    }
  }
  for (int64_t r = 0; r < kRegisters; ++r) Finish<kSums>(sums[r], k + r * kWidth);
}

template <typename T, typename Arch>
template <RowSums kSums>
LOSSD_ALWAYS_INLINE inline void ShapedLanes<T, Arch>::Finish(const Sums& of, int64_t i) {
  // An infinite maximum, or none, makes the row NaN.
  // NOLINTNEXTLINE(misc-redundant-expression)
  const V poison = of.base - of.base;
  Widen((of.rest + of.equals) + poison, group_.rest + i);
  of.largest.store_aligned(largest_ + i);
  if constexpr (kSums == RowSums::kLogits) {
    Widen(of.logits, group_.logit_sum + i);
    Widen(of.largest_weight, group_.largest_weight + i);
  }
  if constexpr (kSums == RowSums::kSquares) {
    Widen(of.squares + of.equals, group_.square_sum + i);
    Widen(-of.gaps, group_.gap_sum + i);
  }
}

template <typename T, typename Arch>
template <CapSlopes kSlopes, CapRange kRange>
LOSSD_NOINLINE inline void ShapedLanes<T, Arch>::SumCapped() {
  const CappedDifferences<V> differences = capped_;  // in registers
  for (int64_t k = 0; k < tile_.size; k += kStep) {
    Sums sums[static_cast<size_t>(kRegisters)];
    for (int64_t r = 0; r < kRegisters; ++r) {
      sums[r].base = V::load_aligned(base_of_largest_ + k + r * kWidth);
      sums[r].addend = V::load_aligned(addend_of_largest_ + k + r * kWidth);
    }
    for (int64_t j = 0; j < rows_.class_count; ++j) {
      for (int64_t r = 0; r < kRegisters; ++r) {
        AddCapped<kSlopes, kRange>(j, j * kTile + k + r * kWidth, differences, sums[r]);
      }
    }
    for (int64_t r = 0; r < kRegisters; ++r) Finish<RowSums::kNone>(sums[r], k + r * kWidth);
  }
}

template <typename T, typename Arch>
template <CapSlopes kSlopes, CapRange kRange>
LOSSD_ALWAYS_INLINE inline void ShapedLanes<T, Arch>::AddCapped(
    int64_t j, int64_t at, const CappedDifferences<V>& differences, Sums& sums) {
  V x;
  V e;
  const CappedLogit<V> capped = differences.template Find<kRange>(V::load_aligned(columns_ + at),
                                                                  {sums.base, sums.addend}, x, e);
  const auto equal = x == V(T(0));
  sums.rest += ZeroWhere(equal, e);
  sums.equals += OneWhere(equal);
  if constexpr (kSlopes == CapSlopes::kMultiply) {
    V(e * capped.slope).store_aligned(columns_ + at);
    return;
  }
  e.store_aligned(columns_ + at);
  capped.slope.store_aligned(slopes_ + at);
  capped.tanh.store_aligned(tanhs_ + at);
  sums.largest = xsimd::select(equal, V(static_cast<T>(j)), sums.largest);
}

template <typename T, typename Arch>
template <RowSums kSums, bool kHasAddends>
LOSSD_ALWAYS_INLINE inline void ShapedLanes<T, Arch>::AddExp(int64_t j, int64_t at,
                                                             const Factor<V>& scale,
                                                             const V& weight, Sums& sums) {
  const V zero(T(0));
  const V d = V::load_aligned(columns_ + at) - sums.base;
  V c = zero;
  if constexpr (kHasAddends) c = V::load_aligned(addends_ + at) - sums.addend;
  const V x = xsimd::fma(d, scale.high, c);
  V minus_one;
  const V e = ExpOfScaled(d, scale, c, x, minus_one);
  const auto equal = x == zero;
  const V other = ZeroWhere(equal, e);
  if constexpr (kSums == RowSums::kSquares) {
    const V unit = SignedUnit(x, e, kHasAddends ? ZeroWhere(equal, minus_one) : minus_one);
    unit.store_aligned(columns_ + at);
    sums.squares += other * other;
    sums.gaps += e * ShiftedUnit(unit, V(T(-1)));
  } else {
    e.store_aligned(columns_ + at);
  }
  sums.rest += other;
  sums.equals += OneWhere(equal);
  sums.largest = xsimd::select(equal, V(static_cast<T>(j)), sums.largest);
  if constexpr (kSums == RowSums::kLogits) {
    sums.logits += Weighted(weight, x);
    sums.largest_weight = xsimd::select(equal, weight, sums.largest_weight);
  }
}

template <typename T, typename Arch>
inline void ShapedLanes<T, Arch>::Widen(const V& v, double* to) {
  alignas(64) T lanes[V::size];
  v.store_aligned(lanes);
  for (int64_t i = 0; i < kWidth; ++i) to[i] = static_cast<double>(lanes[i]);
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_SUMS_INL_H_
