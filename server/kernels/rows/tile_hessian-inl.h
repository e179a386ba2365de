#ifndef LOSSD_SERVER_KERNELS_ROWS_TILE_HESSIAN_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TILE_HESSIAN_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "server/kernels/hessian.h"
#include "server/kernels/rows/row_group-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

// Turns the exponentials of a tile of kRows rows, one column for each class, into its Hessian: the
// numbers of each row's RowHessian, in columns.
template <typename T, typename Arch, int64_t kRows>
class TileHessian {
 public:
  using V = Lanes<T, Arch>;
  using OfRow = RowHessian<T, Arch>;

  // Takes the tile's first `size` rows, whose classes are `ids`. The caller fills Columns().
  TileHessian(Curvature mode, const int64_t* ids, int64_t size)
      : floor_(OfRow::FloorOf(mode)), unweighted_(std::max(T(0), floor_)) {
    std::copy(ids, ids + size, id_);
    // Whole registers are read, which reach past the last row.
    std::fill(id_ + size, id_ + kRows, T(0));
  }

  HessianColumns<T> Columns() { return {factor_, pole_, slope_, scale_, largest_, truth_}; }

  // A register of rows.
  struct Rows {
    // Returns h of the class `own`, whose exponentials are `e`.
    LOSSD_ALWAYS_INLINE V At(const V& e, const V& own) const {
      V h = OfRow::ForOthers(e, factor, pole, slope, scale, floor);
      h = xsimd::select(e == V(T(1)), largest, h);
      h = xsimd::select(id == own, truth, h);
      return xsimd::select(scale == V(T(0)), unweighted, h);
    }

    V factor;
    V pole;
    V slope;
    V scale;
    V floor;
    V unweighted;
    V largest;
    V truth;
    V id;
  };

  // Returns rows k, k + 1, ... of the tile.
  LOSSD_ALWAYS_INLINE Rows RowsAt(int64_t k) const {
    return {V::load_aligned(factor_ + k),
            V::load_aligned(pole_ + k),
            V::load_aligned(slope_ + k),
            V::load_aligned(scale_ + k),
            V(floor_),
            V(unweighted_),
            V::load_aligned(largest_ + k),
            V::load_aligned(truth_ + k),
            V::load_aligned(id_ + k)};
  }

 private:
  using Column = T[static_cast<size_t>(kRows)];

  T floor_;
  T unweighted_;
  alignas(64) Column factor_;
  alignas(64) Column pole_;
  alignas(64) Column slope_;
  alignas(64) Column scale_;
  alignas(64) Column largest_;
  alignas(64) Column truth_;
  alignas(64) Column id_;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TILE_HESSIAN_INL_H_
