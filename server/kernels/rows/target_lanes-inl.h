#ifndef LOSSD_SERVER_KERNELS_ROWS_TARGET_LANES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TARGET_LANES_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/target_form-inl.h"
#include "server/kernels/rows/target_group-inl.h"
#include "server/kernels/rows/target_passes-inl.h"
#include "server/kernels/rows/tile_matrix-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/target_rows.h"

namespace lossd::kernels {

// TargetRowsKernel where rows are shorter than a few registers: a row is a lane of a tile's
// columns, as in ClassIdLanes.
template <typename T, typename Arch>
class TargetLanes {
 public:
  TargetLanes(const TargetRows<T>& rows, const TargetForm<T>& form,
              const FormParameters& parameters)
      : scale_(rows.scale),
        rows_(rows),
        logits_(ShapeOf(rows)),
        targets_(ShapeOf(rows)),
        form_(form),
        parameters_(parameters) {
    logits_.logits = rows.logits;
    logits_.pieces = rows.pieces;
    logits_.piece_count = rows.piece_count;
    logits_.piece_offset = rows.piece_offset;
    logits_.format = rows.format;
    targets_.logits = rows.targets;
    std::fill(largest_, largest_ + kTile, T(-1));
  }

  void Run() {
    LogitSource<T, Arch> logits(logits_);
    LogitSource<T, Arch> targets(targets_);
    for (int64_t begin = 0; begin < rows_.row_count; begin += kTile) {
      tile_ = {begin, std::min(kTile, rows_.row_count - begin)};
      for (int64_t i = 0; i < tile_.size; ++i) rows_.left[begin + i] = IsSkipped(i) ? 1 : 0;
      Matrix::Load(logits_, logits, tile_, columns_);
      Matrix::Load(targets_, targets, tile_, weighted_);
      MakeTargets();
      Matrix::FindMaxima(columns_, kTile, rows_.class_count, columns_, max_);
      Reduce();
      group_.FindLogs(tile_.size);
      if (!form_.is_cross_entropy()) AddTerms();
      group_.Combine(rows_, form_, parameters_, begin, tile_.size);
      if (rows_.probabilities != nullptr) WriteProbabilities();
      if (rows_.gradient != nullptr) WriteGradients();
    }
  }

 private:
  using V = Lanes<T, Arch>;
  using Matrix = TileMatrix<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kTile = Matrix::kTile;
  // A few registers of rows go side by side, so that one's arithmetic fills the other's waits.
  static constexpr int64_t kRegisters = 2;
  static constexpr int64_t kStep = kRegisters * kWidth;
  using Columns = T[static_cast<size_t>(Matrix::kMaxTile)];
  using Column = T[static_cast<size_t>(kTile)];

  // Returns rows as TileMatrix moves them.
  static ClassIdRows<T> ShapeOf(const TargetRows<T>& rows) {
    ClassIdRows<T> shape;
    shape.row_count = rows.row_count;
    shape.class_count = rows.class_count;
    shape.stores = rows.stores;
    return shape;
  }

  // Returns true when nothing of row i of the tile is asked for.
  bool IsSkipped(int64_t i) const {
    const int64_t row = tile_.begin + i;
    return rows_.loss_scale[row] == 0 && rows_.gradient_scale[row] == 0;
  }

  // Calls f(j, k, at) for each register of rows of each class.
  template <typename F>
  LOSSD_ALWAYS_INLINE void ForEachRegister(F f) const {
    for (int64_t j = 0; j < rows_.class_count; ++j) {
      for (int64_t k = 0; k < kTile; k += kWidth) f(j, k, j * kTile + k);
    }
  }

  // Makes weighted targets of those that are given, and their entropy where it is wanted.
  void MakeTargets() {
    std::fill(group_.entropy, group_.entropy + kTile, 0.0);
    if (rows_.smoothing != 0) SmoothTargets();
    if (form_.adds_target_entropy) SumEntropies();
    if (rows_.class_weights == nullptr) return;
    ForEachRegister([&](int64_t j, int64_t, int64_t at) LOSSD_ALWAYS_INLINE {
      V(V::load_aligned(weighted_ + at) * V(rows_.class_weights[j])).store_aligned(weighted_ + at);
    });
  }

  LOSSD_NOINLINE void SmoothTargets() {
    alignas(64) double sums[static_cast<size_t>(kTile)] = {};
    for (int64_t j = 0; j < rows_.class_count; ++j) {
      for (int64_t i = 0; i < kTile; ++i) {
        sums[i] += static_cast<double>(weighted_[j * kTile + i]);
      }
    }
    alignas(64) Column spread;
    const double part = rows_.smoothing / static_cast<double>(rows_.class_count);
    for (int64_t i = 0; i < kTile; ++i) spread[i] = static_cast<T>(part * sums[i]);
    const V keep(static_cast<T>(1 - rows_.smoothing));
    ForEachRegister([&](int64_t, int64_t k, int64_t at) LOSSD_ALWAYS_INLINE {
      V(xsimd::fma(V::load_aligned(weighted_ + at), keep, V::load_aligned(spread + k)))
          .store_aligned(weighted_ + at);
    });
  }

  LOSSD_NOINLINE LOSSD_FLATTEN void SumEntropies() {
    const T* const weights = rows_.class_weights;
    for (int64_t k = 0; k < tile_.size; k += kStep) {
      V sums[static_cast<size_t>(kRegisters)];
      for (V& sum : sums) sum = V(T(0));
      for (int64_t j = 0; j < rows_.class_count; ++j) {
        const V weight(weights == nullptr ? T(1) : weights[j]);
        for (int64_t r = 0; r < kRegisters; ++r) {
          const V y = V::load_aligned(weighted_ + j * kTile + k + r * kWidth);
          sums[r] += Weighted(y, LogOfTarget(y)) * weight;
        }
      }
      for (int64_t r = 0; r < kRegisters; ++r) Widen(sums[r], group_.entropy + k + r * kWidth);
    }
  }

  void Reduce() {
    for (int64_t k = 0; k < tile_.size; k += kStep) {
      if (form_.is_cross_entropy() && rows_.scale == 1) {
        SumExps<Kept::kExps, Scaling::kNone>(k);
      } else if (form_.is_cross_entropy()) {
        SumExps<Kept::kExps, Scaling::kFactor>(k);
      } else if (rows_.scale == 1) {
        SumExps<Kept::kExponents, Scaling::kNone>(k);
      } else {
        SumExps<Kept::kExponents, Scaling::kFactor>(k);
      }
    }
    for (int64_t i = 0; i < tile_.size; ++i) {
      group_.max[i] = static_cast<double>(max_[i]) * rows_.scale;
    }
  }

  enum class Kept { kExps, kExponents };
  enum class Scaling { kNone, kFactor };

  // The sums of a register of rows.
  struct Sums {
    V max;
    V rest = V(T(0));
    // All that equal the maximum are held out; all but one of them are added again, 1 each.
    V equals = V(T(-1));
    V targets = V(T(0));
    V largest_targets = V(T(0));
    V logits = V(T(0));
    V largest = V(T(-1));  // the last class that equals the maximum
  };

  // Replaces the logits of rows k, k + 1, ... by exponentials and sums them, the largest held out.
  template <Kept kKept, Scaling kScaling>
  LOSSD_NOINLINE void SumExps(int64_t k) {
    const Factor<V> scale = scale_;  // in registers
    Sums sums[static_cast<size_t>(kRegisters)];
    for (int64_t r = 0; r < kRegisters; ++r) sums[r].max = V::load_aligned(max_ + k + r * kWidth);
    for (int64_t j = 0; j < rows_.class_count; ++j) {
      const V own(static_cast<T>(j));
      for (int64_t r = 0; r < kRegisters; ++r) {
        AddExp<kKept, kScaling>(j * kTile + k + r * kWidth, own, scale, sums[r]);
      }
    }
    for (int64_t r = 0; r < kRegisters; ++r) Finish(sums[r], k + r * kWidth);
  }

  template <Kept kKept, Scaling kScaling>
  LOSSD_ALWAYS_INLINE void AddExp(int64_t at, const V& own, const Factor<V>& scale, Sums& sums) {
    const V zero(T(0));
    const V d = V::load_aligned(columns_ + at) - sums.max;
    V x = d;
    V e;
    if constexpr (kScaling == Scaling::kNone) {
      e = ExpNonPositive(d);
    } else {
      x = d * scale.high;
      e = ExpOfScaled(d, scale, zero, x);
    }
    e.store_aligned(columns_ + at);
    if constexpr (kKept == Kept::kExponents) x.store_aligned(terms_ + at);
    const V a = V::load_aligned(weighted_ + at);
    const auto equal = x == zero;
    const V others = ZeroWhere(equal, a);
    sums.rest += ZeroWhere(equal, e);
    sums.equals += OneWhere(equal);
    sums.targets += others;
    sums.largest_targets += a - others;
    sums.logits += Weighted(a, x);
    sums.largest = xsimd::select(equal, own, sums.largest);
  }

  LOSSD_ALWAYS_INLINE void Finish(const Sums& of, int64_t i) {
    const V zero(T(0));
    // An infinite maximum, or none, makes the row NaN.
    // NOLINTNEXTLINE(misc-redundant-expression)
    const V poison = of.max - of.max;
    const auto is_one = of.equals == zero;
    Widen((of.rest + of.equals) + poison, group_.rest + i);
    Widen(xsimd::select(is_one, of.largest_targets, zero), group_.largest_target + i);
    Widen(xsimd::select(is_one, of.targets, of.targets + of.largest_targets),
          group_.other_targets + i);
    Widen(of.logits, group_.logit_sum + i);
    xsimd::select(is_one, of.largest, V(T(-1))).store_aligned(largest_ + i);
  }

  static void Widen(const V& v, double* to) {
    alignas(64) T lanes[V::size];
    v.store_aligned(lanes);
    for (int64_t i = 0; i < kWidth; ++i) to[i] = static_cast<double>(lanes[i]);
  }

  // Finds the sums of a form's terms, and makes of exponents what is written.
  void AddTerms();

  struct RowColumns;

  void AddTermsOf(int64_t j, const RowColumns& of);

  LOSSD_NOINLINE void WriteGradients() {
    alignas(64) Column factor = {};
    alignas(64) Column scale = {};
    alignas(64) Column own = {};
    alignas(64) Column is_kept = {};
    for (int64_t i = 0; i < tile_.size; ++i) {
      const bool kept = group_.scale[i] != 0 && rows_.left[tile_.begin + i] == 0;
      factor[i] = static_cast<T>(group_.factor[i]);
      scale[i] = static_cast<T>(group_.scale[i]);
      own[i] = static_cast<T>(group_.largest_gradient[i]);
      is_kept[i] = static_cast<T>(kept ? 1 : 0);
    }
    const T* const less = form_.is_cross_entropy() ? weighted_ : terms_;
    ForEachRegister([&](int64_t j, int64_t k, int64_t at) LOSSD_ALWAYS_INLINE {
      const V other = V::load_aligned(less + at) * V::load_aligned(scale + k);
      V g = xsimd::fms(V::load_aligned(columns_ + at), V::load_aligned(factor + k), other);
      g = xsimd::select(V::load_aligned(largest_ + k) == V(static_cast<T>(j)),
                        V::load_aligned(own + k), g);
      ZeroWhere(V::load_aligned(is_kept + k) == V(T(0)), g).store_aligned(columns_ + at);
    });
    Matrix::Store(logits_, tile_.begin, tile_.size, columns_, rows_.gradient);
  }

  LOSSD_NOINLINE void WriteProbabilities() {
    alignas(64) Column factor = {};
    for (int64_t i = 0; i < tile_.size; ++i) factor[i] = static_cast<T>(group_.p_max[i]);
    alignas(64) Columns probabilities;
    ForEachRegister([&](int64_t, int64_t k, int64_t at) LOSSD_ALWAYS_INLINE {
      V(V::load_aligned(columns_ + at) * V::load_aligned(factor + k))
          .store_aligned(probabilities + at);
    });
    Matrix::Store(logits_, tile_.begin, tile_.size, probabilities, rows_.probabilities);
  }

  const Factor<V> scale_;
  alignas(64) Column max_;
  alignas(64) Column largest_;    // class m; −1: none is held out
  alignas(64) Columns columns_;   // logits, then exponentials, then gradients
  alignas(64) Columns weighted_;  // targets
  alignas(64) Columns terms_;     // exponents, then −b
  TargetGroup<T, Arch, static_cast<size_t>(kTile)> group_;

  const TargetRows<T>& rows_;
  ClassIdRows<T> logits_;
  ClassIdRows<T> targets_;
  const TargetForm<T>& form_;
  const FormParameters& parameters_;
  Tile tile_ = {0, 0};
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TARGET_LANES_INL_H_
