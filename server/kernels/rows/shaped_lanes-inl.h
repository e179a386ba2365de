#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_INL_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/hessian.h"
#include "server/kernels/row_shape.h"
#include "server/kernels/rows/capped_logits-inl.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/shaped_group-inl.h"
#include "server/kernels/rows/shaped_row-inl.h"
#include "server/kernels/rows/tile_matrix-inl.h"
#include "server/kernels/rows/truth_form-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/simd/signed_unit-inl.h"
#include "server/kernels/simd/softcap-inl.h"

namespace lossd::kernels {

// ShapedRowsKernel where rows are shorter than a few registers, or their classes are a stride
// apart: a row is a lane of a tile's columns, as in ClassIdLanes.
template <typename T, typename Arch>
class ShapedLanes {
 public:
  ShapedLanes(const ClassIdRows<T>& rows, const RowShape<T>& shape, const TruthForm& form,
              const FormParameters& parameters)
      : scale_(shape.scale),
        capped_(Softcap<V>(shape.softcap == 0 ? 1 : shape.softcap), scale_),
        caps_alone_(ShapedSoftmax<T, Arch>::CapsAlone(shape, SumsOf(shape, form))),
        source_(rows),
        rows_(rows),
        shape_(shape),
        form_(form),
        parameters_(parameters) {}

  void Run() {
    for (int64_t begin = 0; begin < rows_.row_count; begin += kTile) {
      tile_ = {begin, std::min(kTile, rows_.row_count - begin)};
      Reduce();
      group_.Evaluate(rows_, shape_, form_, parameters_, begin, tile_.size);
      if (rows_.true_gradient != nullptr) ChainTrueGradients();
      if (rows_.gradient_l1 != nullptr) SumGradients();
      if (rows_.hessian != nullptr) WriteHessians();
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

  static RowSums SumsOf(const RowShape<T>& shape, const TruthForm& form) {
    if (form.is_squared_error()) return RowSums::kSquares;
    return shape.smoothing != 0 ? RowSums::kLogits : RowSums::kNone;
  }

  bool HoldsLargestOut() const { return shape_.smoothing != 0; }

  void Reduce() {
    Matrix::Load(rows_, source_, tile_, columns_);
    if (caps_alone_) {
      ReduceCapped();
      return;
    }
    if (shape_.HasAddends()) MakeAddends();
    FindMaxima();
    if (shape_.seesaw.log_counts != nullptr) AddSeesaw();
    if (form_.is_squared_error()) {
      SumExps<RowSums::kSquares>();
    } else if (shape_.smoothing != 0) {
      SumExps<RowSums::kLogits>();
    } else {
      SumExps<RowSums::kNone>();
    }
  }

  // Returns true when slopes of logits that are capped alone are wanted by themselves.
  bool WantsSlopes() const {
    return rows_.hessian != nullptr || rows_.probabilities != nullptr ||
           rows_.gradient_l1 != nullptr;
  }

  // Does so where logits are capped alone.
  void ReduceCapped() {
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

  // Caps the logits of a column, which become the bases.
  LOSSD_NOINLINE void CapColumn(T* logits, T* addends, T* slopes) const {
    const CappedDifferences<V> differences = capped_;  // in registers
    for (int64_t k = 0; k < kTile; k += kWidth) {
      const CappedLogit<V> capped = differences.softcap().Of(V::load_aligned(logits + k));
      const auto parts = differences.PartsOf(capped);
      parts.base.store_aligned(logits + k);
      parts.addend.store_aligned(addends + k);
      if (slopes != nullptr) capped.slope.store_aligned(slopes + k);
    }
  }

  void FindMaxima() {
    Matrix::FindMaxima(columns_, kTile, rows_.class_count, columns_, base_of_largest_);
    std::fill(addend_of_largest_, addend_of_largest_ + kTile, T(0));
    if (shape_.HasAddends()) FindLargest();
    FindTruths();
  }

  // Adds seesaw's terms, by a softmax without them.
  LOSSD_NOINLINE void AddSeesaw() {
    const int64_t size = rows_.class_count * kTile;
    alignas(64) Columns bases;
    std::copy(columns_, columns_ + size, bases);
    SumExps<RowSums::kNone>();
    std::copy(bases, bases + size, columns_);
    alignas(64) Column offset = {};
    alignas(64) Column log_count = {};
    const int64_t* const ids = rows_.class_ids + tile_.begin;
    for (int64_t i = 0; i < tile_.size; ++i) {
      const ShapedLogit<T> max = {base_of_largest_[i], addend_of_largest_[i]};
      const SeesawRow<T> row(shape_.seesaw, max, std::log1p(group_.rest[i]), group_.below_max[i],
                             ids[i]);
      offset[i] = row.offset;
      log_count[i] = row.log_count;
    }
    const SeesawAddend<V> addend(shape_.seesaw, V(static_cast<T>(shape_.scale)));
    ForEachRegister([&](int64_t j, int64_t k, int64_t at) LOSSD_ALWAYS_INLINE {
      const V a = V::load_aligned(addends_ + at);
      const V d = V::load_aligned(columns_ + at) - V::load_aligned(base_of_largest_ + k);
      const V log_ratio = V(shape_.seesaw.log_counts[j]) - V::load_aligned(log_count + k);
      V(a + addend.Of(d, V(a - V::load_aligned(addend_of_largest_ + k)),
                      V::load_aligned(offset + k), log_ratio))
          .store_aligned(bases + at);
    });
    for (int64_t i = 0; i < tile_.size; ++i) {
      bases[ids[i] * kTile + i] = addends_[ids[i] * kTile + i];
    }
    std::copy(bases, bases + size, addends_);
    FindMaxima();
  }

  // Makes the addends of all classes, and caps the logits.
  LOSSD_NOINLINE void MakeAddends() {
    const V scale(static_cast<T>(shape_.scale));
    const Softcap<V> softcap = capped_.softcap();  // in registers
    for (int64_t j = 0; j < rows_.class_count; ++j) {
      const V addend(shape_.addends == nullptr ? T(0) : shape_.addends[j]);
      for (int64_t at = j * kTile; at < (j + 1) * kTile; at += kWidth) {
        if (shape_.softcap == 0) {
          addend.store_aligned(addends_ + at);
          continue;
        }
        const CappedLogit<V> capped = softcap.Of(V::load_aligned(columns_ + at));
        capped.base.store_aligned(columns_ + at);
        V(capped.rest * scale + addend).store_aligned(addends_ + at);
        capped.slope.store_aligned(slopes_ + at);
        if (rows_.hessian != nullptr) capped.tanh.store_aligned(tanhs_ + at);
      }
    }
    if (shape_.margins == nullptr) return;
    const int64_t* const ids = rows_.class_ids + tile_.begin;
    for (int64_t i = 0; i < tile_.size; ++i) {
      addends_[ids[i] * kTile + i] -= static_cast<T>(shape_.margins[ids[i]]);
    }
  }

  // Finds the largest logit with its addend, by values that are taken from the largest base.
  LOSSD_NOINLINE void FindLargest() {
    for (int64_t k = 0; k < kTile; k += kWidth) {
      const V top = V::load_aligned(base_of_largest_ + k);
      V best(-kInfinity<T>);
      V base(-kInfinity<T>);
      V addend(T(0));
      for (int64_t j = 0; j < rows_.class_count; ++j) {
        const V b = V::load_aligned(columns_ + j * kTile + k);
        const V a = V::load_aligned(addends_ + j * kTile + k);
        const V value = xsimd::fma(V(b - top), scale_.high, a);
        const auto is_larger = value > best;
        best = xsimd::select(is_larger, value, best);
        base = xsimd::select(is_larger, b, base);
        addend = xsimd::select(is_larger, a, addend);
      }
      base.store_aligned(base_of_largest_ + k);
      addend.store_aligned(addend_of_largest_ + k);
    }
  }

  void FindTruths() {
    const int64_t* const ids = rows_.class_ids + tile_.begin;
    const bool has_addends = shape_.HasAddends();
    for (int64_t i = 0; i < tile_.size; ++i) {
      const int64_t at = ids[i] * kTile + i;
      const ShapedLogit<T> largest = {base_of_largest_[i], addend_of_largest_[i]};
      const ShapedLogit<T> truth = {columns_[at], has_addends ? addends_[at] : T(0)};
      group_.max[i] = largest.Value(shape_.scale);
      group_.below_max[i] = truth.Minus(largest, shape_.scale);
      truth_slope_[i] = shape_.softcap == 0 ? T(1) : slopes_[at];
    }
  }

  // Replaces the logits by exponentials and sums them, the largest held out.
  template <RowSums kSums>
  LOSSD_NOINLINE void SumExps() {
    for (int64_t k = 0; k < tile_.size; k += kStep) {
      if (shape_.HasAddends()) {
        SumExpsOf<kSums, true>(k);
      } else {
        SumExpsOf<kSums, false>(k);
      }
    }
  }

  // The sums of a register of rows.
  struct Sums {
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

  template <RowSums kSums, bool kHasAddends>
  LOSSD_ALWAYS_INLINE void SumExpsOf(int64_t k) {
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

  template <RowSums kSums>
  LOSSD_ALWAYS_INLINE void Finish(const Sums& of, int64_t i) {
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

  // Does so with logits that are capped alone, whose slopes go where kSlopes says.
  template <CapSlopes kSlopes, CapRange kRange>
  LOSSD_NOINLINE void SumCapped() {
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

  template <CapSlopes kSlopes, CapRange kRange>
  LOSSD_ALWAYS_INLINE void AddCapped(int64_t j, int64_t at, const CappedDifferences<V>& differences,
                                     Sums& sums) {
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

  template <RowSums kSums, bool kHasAddends>
  LOSSD_ALWAYS_INLINE void AddExp(int64_t j, int64_t at, const Factor<V>& scale, const V& weight,
                                  Sums& sums) {
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

  static void Widen(const V& v, double* to) {
    alignas(64) T lanes[V::size];
    v.store_aligned(lanes);
    for (int64_t i = 0; i < kWidth; ++i) to[i] = static_cast<double>(lanes[i]);
  }

  // What makes the tile's exponentials its gradient, in columns.
  struct GradientColumns {
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

  // Makes them with the rows' scales, or without where `scales` is null.
  void FillGradient(const double* scales, GradientColumns& columns) const {
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

  // Returns the gradient by x_j of rows k, k + 1, ..., which the caller chains.
  LOSSD_ALWAYS_INLINE V GradientAt(const GradientColumns& columns, int64_t j, int64_t k) const {
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

  // Returns true when exponentials times a factor are the gradient of all classes but the true one.
  bool IsLinear() const { return !HoldsLargestOut() && !form_.is_squared_error(); }

  // Returns the exponentials that are kept at `at`.
  LOSSD_ALWAYS_INLINE V ExpAt(int64_t at) const {
    const V kept = V::load_aligned(columns_ + at);
    return form_.is_squared_error() ? UnitOf(kept) : kept;
  }

  // Calls f(j, k, at) for each register of rows of each class.
  template <typename F>
  LOSSD_ALWAYS_INLINE void ForEachRegister(F f) const {
    for (int64_t j = 0; j < rows_.class_count; ++j) {
      for (int64_t k = 0; k < kTile; k += kWidth) f(j, k, j * kTile + k);
    }
  }

  LOSSD_NOINLINE void WriteGradients() {
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

  // Multiplies by the slopes what the gradients are made of.
  void ChainGradients(GradientColumns& columns) {
    for (int64_t i = 0; i < kTile; ++i) columns.truth[i] *= truth_slope_[i];
    if (!WantsSlopes()) return;
    ForEachRegister([&](int64_t, int64_t, int64_t at) LOSSD_ALWAYS_INLINE {
      V(V::load_aligned(columns_ + at) * V::load_aligned(slopes_ + at))
          .store_aligned(columns_ + at);
    });
  }

  LOSSD_NOINLINE void ChainTrueGradients() {
    for (int64_t i = 0; i < tile_.size; ++i) {
      rows_.true_gradient[tile_.begin + i] *= static_cast<double>(truth_slope_[i]);
    }
  }

  LOSSD_NOINLINE void SumGradients() {
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

  LOSSD_NOINLINE void WriteProbabilities() {
    alignas(64) Columns out;
    alignas(64) Column factor;
    for (int64_t i = 0; i < kTile; ++i) factor[i] = static_cast<T>(group_.p_max[i]);
    ForEachRegister([&](int64_t, int64_t k, int64_t at) LOSSD_ALWAYS_INLINE {
      V(ExpAt(at) * V::load_aligned(factor + k)).store_aligned(out + at);
    });
    Matrix::Store(rows_, tile_.begin, tile_.size, out, rows_.probabilities);
  }

  struct HessianColumns {
    alignas(64) Column h0;
    alignas(64) Column h1;
    alignas(64) Column h2;
    alignas(64) Column truth;
    alignas(64) Column largest;
    alignas(64) Column scale;
  };

  LOSSD_NOINLINE void WriteHessians() {
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

  // Returns the Hessian by x_j of rows k, k + 1, ..., without their scales.
  LOSSD_ALWAYS_INLINE V HessianAt(const GradientColumns& gradient, const HessianColumns& columns,
                                  int64_t j, int64_t k) const {
    const V own(static_cast<T>(j));
    const V e = ExpAt(j * kTile + k);
    const V inner = xsimd::fma(V::load_aligned(columns.h2 + k), e, V::load_aligned(columns.h1 + k));
    V h = e * xsimd::fma(e, inner, V::load_aligned(columns.h0 + k));
    h = xsimd::select(V::load_aligned(largest_ + k) == own, V::load_aligned(columns.largest + k),
                      h);
    return xsimd::select(V::load_aligned(gradient.id + k) == own,
                         V::load_aligned(columns.truth + k), h);
  }

  // Returns the Hessian by z, in units of scale², from those by x.
  LOSSD_ALWAYS_INLINE V ChainHessian(const V& h, const V& g, int64_t at) const {
    const V slope = V::load_aligned(slopes_ + at);
    const V second(static_cast<T>(-2 / (shape_.softcap * shape_.scale)));
    return slope * (h * slope + g * (second * V::load_aligned(tanhs_ + at)));
  }

  const Factor<V> scale_;
  const CappedDifferences<V> capped_;
  const bool caps_alone_;
  alignas(64) Column base_of_largest_;
  alignas(64) Column addend_of_largest_;
  alignas(64) Column truth_slope_;
  alignas(64) Column largest_;   // the class
  alignas(64) Columns columns_;  // bases, then exponentials, then gradients
  alignas(64) Columns addends_;
  alignas(64) Columns slopes_;
  alignas(64) Columns tanhs_;
  LogitSource<T, Arch> source_;
  ShapedGroup<T, Arch, static_cast<size_t>(kTile)> group_;

  const ClassIdRows<T>& rows_;
  const RowShape<T>& shape_;
  const TruthForm& form_;
  const FormParameters& parameters_;
  Tile tile_ = {0, 0};
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_INL_H_
