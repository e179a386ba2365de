#ifndef LOSSD_SERVER_KERNELS_ROWS_TILE_WRITER_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TILE_WRITER_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"

namespace lossd::kernels {

// Turns the exponentials of a tile of kRows rows, one column for each class, into its gradient.
template <typename T, typename Arch, int64_t kRows>
class TileGradient {
 public:
  using V = Lanes<T, Arch>;

  TileGradient() = default;
  // Takes the tile's first `size` rows, whose classes are `ids`; the other arrays are RowGroup's.
  TileGradient(const T* exp_factor, const T* truth_gradient, const int64_t* ids, int64_t size) {
    std::copy(exp_factor, exp_factor + kRows, factor_);
    std::copy(truth_gradient, truth_gradient + kRows, truth_);
    std::copy(ids, ids + size, id_);
    std::fill(id_ + size, id_ + kRows, T(0));
  }

  // Returns the gradient of rows k, k + 1, ... by class `own`, whose column is given.
  V At(const T* column, const V& own, int64_t k) const {
    const V zero(T(0));
    const V factor = V::load_aligned(factor_ + k);
    const V g = ZeroWhere(factor == zero, V(factor * V::load_aligned(column + k)));
    return xsimd::select(V::load_aligned(id_ + k) == own, V::load_aligned(truth_ + k), g);
  }

 private:
  alignas(64) T factor_[static_cast<size_t>(kRows)];
  alignas(64) T truth_[static_cast<size_t>(kRows)];
  alignas(64) T id_[static_cast<size_t>(kRows)];
};

// Writes the gradients of whole tiles, whose classes are a stride apart. Its user calls Write
// between steps of other work: while memory takes one tile, the CPU reduces the next.
template <typename T, typename Arch, int64_t kRows, Stores kStores>
class TileWriter {
 public:
  using V = Lanes<T, Arch>;
  using Gradient = TileGradient<T, Arch, kRows>;

  // Starts the next tile, after all of the one before was written. Nothing changes `columns` until
  // this one is.
  void Begin(const Gradient& gradient, const T* columns, int64_t classes, T* out, int64_t stride) {
    gradient_ = gradient;
    columns_ = columns;
    classes_ = classes;
    out_ = out;
    stride_ = stride;
    class_ = 0;
    row_ = 0;
  }

  bool any() const { return class_ < classes_; }

  // Writes the next kStep rows of a class, class after class, so that whole cache lines follow each
  // other.
  template <int64_t kStep>
  LOSSD_ALWAYS_INLINE void Write() {
    static_assert(kRows % kStep == 0);
    const V own(static_cast<T>(class_));
    for (int64_t k = row_; k < row_ + kStep; k += static_cast<int64_t>(V::size)) {
      const V g = gradient_.At(columns_ + class_ * kRows, own, k);
      if constexpr (kStores == Stores::kStreaming) {
        StoreStreaming(g, out_ + k);
      } else {
        g.store_unaligned(out_ + k);
      }
    }
    row_ += kStep;
    if (row_ < kRows) return;
    row_ = 0;
    ++class_;
    out_ += stride_;
  }

  void Finish() {
    while (any()) Write<kRows>();
  }

 private:
  Gradient gradient_;
  const T* columns_ = nullptr;
  int64_t classes_ = 0;
  T* out_ = nullptr;
  int64_t stride_ = 0;
  int64_t class_ = 0;  // the next one
  int64_t row_ = 0;    // its next one
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TILE_WRITER_INL_H_
