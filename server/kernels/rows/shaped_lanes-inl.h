#ifndef LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_SHAPED_LANES_INL_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/row_shape.h"
#include "server/kernels/rows/capped_logits-inl.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/shaped_group-inl.h"
#include "server/kernels/rows/shaped_group_factors-inl.h"
#include "server/kernels/rows/shaped_row-inl.h"
#include "server/kernels/rows/tile_matrix-inl.h"
#include "server/kernels/rows/truth_form-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/scaled_exponential-inl.h"
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

  // Reduces a tile whose logits are capped alone.
  void ReduceCapped();

  // Caps the logits of a column, which become the bases.
  void CapColumn(T* logits, T* addends, T* slopes) const;

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

  struct Sums;

  // Replaces the logits by exponentials and sums them, the largest held out.
  template <RowSums kSums>
  void SumExps();

  template <RowSums kSums, bool kHasAddends>
  void SumExpsOf(int64_t k);

  template <RowSums kSums>
  void Finish(const Sums& of, int64_t i);

  // Replaces and sums logits that are capped alone, whose slopes go where kSlopes says.
  template <CapSlopes kSlopes, CapRange kRange>
  void SumCapped();

  template <CapSlopes kSlopes, CapRange kRange>
  void AddCapped(int64_t j, int64_t at, const CappedDifferences<V>& differences, Sums& sums);

  template <RowSums kSums, bool kHasAddends>
  void AddExp(int64_t j, int64_t at, const Factor<V>& scale, const V& weight, Sums& sums);

  static void Widen(const V& v, double* to);

  struct GradientColumns;

  // Fills the columns with the rows' scales, or without where `scales` is null.
  void FillGradient(const double* scales, GradientColumns& columns) const;

  // Returns the gradient by x_j of rows k, k + 1, ..., which the caller chains.
  V GradientAt(const GradientColumns& columns, int64_t j, int64_t k) const;

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

  void WriteGradients();

  // Multiplies by the slopes what the gradients are made of.
  void ChainGradients(GradientColumns& columns);

  void ChainTrueGradients();

  void SumGradients();

  void WriteProbabilities();

  struct HessianColumns;

  void WriteHessians();

  // Returns the Hessian by x_j of rows k, k + 1, ..., without their scales.
  V HessianAt(const GradientColumns& gradient, const HessianColumns& columns, int64_t j,
              int64_t k) const;

  // Returns the Hessian by z, in units of scale², from those by x.
  V ChainHessian(const V& h, const V& g, int64_t at) const;

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
