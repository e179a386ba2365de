#ifndef LOSSD_SERVER_KERNELS_ROWS_ROW_OUTCOMES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_ROW_OUTCOMES_INL_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/row_outcomes.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/rows/tile_matrix-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Compares the logits of a row with its true class's, in chunks.
template <typename T, typename Arch>
class LongRowOutcome {
 public:
  using V = Lanes<T, Arch>;

  LongRowOutcome(T truth, int64_t true_class) : truth_(truth), true_class_(true_class) {}

  // Takes the logits of classes [begin, begin + count).
  void Add(const T* z, int64_t begin, int64_t count) {
    const Counts counts = Count(z, count);
    not_below_ += counts.not_below;
    has_nan_ |= counts.has_nan;
    if (counts.max > max_) {
      max_ = counts.max;
      arg_max_ = begin + RowPasses<T, Arch>::FirstEqual(z, count, max_);
    }
    equal_before_ += counts.has_equal ? CountEqual(z, std::min(count, true_class_ - begin)) : 0;
  }

  int64_t predicted() const { return has_nan_ ? -1 : arg_max_; }
  int64_t RankAmong(int64_t classes) const {
    return std::isnan(truth_) ? classes : not_below_ + equal_before_;
  }

 private:
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kMany = 4;

  struct Counts {
    T max = -kInfinity<T>;
    int64_t not_below = 0;  // larger than the truth, or NaN
    bool has_equal = false;
    bool has_nan = false;
  };

  // The counts of some registers, in lanes.
  struct CountLanes {
    LOSSD_ALWAYS_INLINE void Take(const V& z, const V& truth) {
      max = MaxOf(z, max);
      larger += ZeroWhere(z <= truth, V(T(1)));
      equal = equal | (z == truth);
      is_nan = is_nan | xsimd::isnan(z);
    }

    V max = V(-kInfinity<T>);
    V larger = V(T(0));
    typename V::batch_bool_type equal = typename V::batch_bool_type(false);
    typename V::batch_bool_type is_nan = typename V::batch_bool_type(false);
  };

  LOSSD_NOINLINE Counts Count(const T* z, int64_t count) const {
    const V truth(truth_);
    CountLanes lanes[static_cast<size_t>(kMany)];
    int64_t j = 0;
    for (; j + kMany * kWidth <= count; j += kMany * kWidth) {
      for (int64_t k = 0; k < kMany; ++k) {
        lanes[k].Take(V::load_unaligned(z + j + k * kWidth), truth);
      }
    }
    for (; j + kWidth <= count; j += kWidth) lanes[0].Take(V::load_unaligned(z + j), truth);
    Counts counts;
    for (; j < count; ++j) {
      const T value = Load<Arch>(z + j);
      counts.max = std::max(counts.max, value);
      counts.not_below += value <= truth_ ? 0 : 1;
      counts.has_equal |= value == truth_;
      counts.has_nan |= std::isnan(value);
    }
    for (int64_t k = 1; k < kMany; ++k) {
      lanes[0].max = MaxOf(lanes[k].max, lanes[0].max);
      lanes[0].larger += lanes[k].larger;
      lanes[0].equal = lanes[0].equal | lanes[k].equal;
      lanes[0].is_nan = lanes[0].is_nan | lanes[k].is_nan;
    }
    counts.max = std::max(counts.max, LargestOf(lanes[0].max));
    counts.not_below += static_cast<int64_t>(xsimd::hadd(lanes[0].larger));
    counts.has_equal |= xsimd::any(lanes[0].equal);
    counts.has_nan |= xsimd::any(lanes[0].is_nan);
    return counts;
  }

  LOSSD_NOINLINE int64_t CountEqual(const T* z, int64_t count) const {
    int64_t equal = 0;
    for (int64_t j = 0; j < count; ++j) equal += Load<Arch>(z + j) == truth_ ? 1 : 0;
    return equal;
  }

  const T truth_;
  const int64_t true_class_;
  T max_ = -kInfinity<T>;
  int64_t arg_max_ = 0;
  int64_t not_below_ = 0;
  int64_t equal_before_ = 0;
  bool has_nan_ = false;
};

// The kernel of outcomes: a long row by itself, short ones as lanes of a tile.
template <typename T, typename Arch>
class RowOutcomesKernel {
 public:
  static void Run(const ClassIdRows<T>& rows, const RowOutcomes& outcomes) {
    LogitSource<T, Arch> source(rows);
    if (rows.class_count > kMaxStridedClasses) {
      for (int64_t row = 0; row < rows.row_count; ++row) RunLong(rows, source, row, outcomes);
      return;
    }
    alignas(64) T columns[static_cast<size_t>(Matrix::kMaxTile)];
    for (int64_t begin = 0; begin < rows.row_count; begin += Matrix::kTile) {
      const Tile tile = {begin, std::min(Matrix::kTile, rows.row_count - begin)};
      Matrix::Load(rows, source, tile, columns);
      RunTile(rows, tile, columns, outcomes);
    }
  }

 private:
  using V = Lanes<T, Arch>;
  using Matrix = TileMatrix<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);

  static void RunLong(const ClassIdRows<T>& rows, LogitSource<T, Arch>& source, int64_t row,
                      const RowOutcomes& outcomes) {
    const int64_t classes = rows.class_count;
    const int64_t t = rows.class_ids[row];
    const T truth = Load<Arch>(source.At(row * classes + t, 1));
    source.GoBack(row * classes);
    LongRowOutcome<T, Arch> outcome(truth, t);
    for (int64_t begin = 0; begin < classes; begin += kChunkClasses) {
      const int64_t count = std::min(kChunkClasses, classes - begin);
      outcome.Add(source.At(row * classes + begin, count), begin, count);
    }
    outcomes.predicted[row] = outcome.predicted();
    outcomes.ranks[row] = outcome.RankAmong(classes);
  }

  LOSSD_NOINLINE static void RunTile(const ClassIdRows<T>& rows, const Tile& tile, const T* columns,
                                     const RowOutcomes& outcomes) {
    constexpr int64_t kTile = Matrix::kTile;
    alignas(64) T truth[static_cast<size_t>(kTile)] = {};
    alignas(64) T id[static_cast<size_t>(kTile)] = {};
    alignas(64) T predicted[static_cast<size_t>(kTile)];
    alignas(64) T rank[static_cast<size_t>(kTile)];
    const int64_t* const ids = rows.class_ids + tile.begin;
    for (int64_t i = 0; i < tile.size; ++i) {
      truth[i] = columns[ids[i] * kTile + i];
      id[i] = static_cast<T>(ids[i]);
    }
    for (int64_t k = 0; k < tile.size; k += kWidth) {
      JudgeLanes(rows.class_count, columns + k, V::load_aligned(truth + k), V::load_aligned(id + k),
                 predicted + k, rank + k);
    }
    for (int64_t i = 0; i < tile.size; ++i) {
      outcomes.predicted[tile.begin + i] = static_cast<int64_t>(predicted[i]);
      outcomes.ranks[tile.begin + i] = static_cast<int64_t>(rank[i]);
    }
  }

  static void JudgeLanes(int64_t classes, const T* columns, const V& truth, const V& id,
                         T* predicted, T* rank) {
    const V one(T(1));
    const V zero(T(0));
    V max(-kInfinity<T>);
    V arg_max = zero;
    V ahead = zero;
    auto is_nan = xsimd::isnan(zero);
    for (int64_t j = 0; j < classes; ++j) {
      const V z = V::load_aligned(columns + j * Matrix::kTile);
      const V own(static_cast<T>(j));
      const auto is_larger = z > max;
      max = xsimd::select(is_larger, z, max);
      arg_max = xsimd::select(is_larger, own, arg_max);
      is_nan = is_nan | xsimd::isnan(z);
      // Of those that are equal, the earlier ones come first.
      const V tie = xsimd::select(own < id, one, zero);
      ahead += xsimd::select(z < truth, zero, xsimd::select(z == truth, tie, one));
    }
    const auto truth_is_nan = xsimd::isnan(truth);
    xsimd::select(is_nan, V(T(-1)), arg_max).store_aligned(predicted);
    xsimd::select(truth_is_nan, V(static_cast<T>(classes)), ahead).store_aligned(rank);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_ROW_OUTCOMES_INL_H_
