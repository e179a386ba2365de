#ifndef LOSSD_SERVER_KERNELS_ROWS_TILE_MATRIX_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TILE_MATRIX_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/tile_transpose-inl.h"
#include "server/kernels/simd/half_line-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// Rows that are computed together.
struct Tile {
  int64_t begin;
  int64_t size;
};

// Moves tiles of up to kTile rows of ClassIdRows' matrices, of at most kMaxStridedClasses classes,
// to columns of kTile entries and back.
template <typename T, typename Arch>
class TileMatrix {
 public:
  using V = Lanes<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kTile = kMostTileRows;
  static constexpr int64_t kMaxTile = kTile * kMaxStridedClasses;

  LOSSD_NOINLINE static void Load(const ClassIdRows<T>& rows, LogitSource<T, Arch>& source,
                                  const Tile& tile, T* columns) {
    const int64_t classes = rows.class_count;
    const auto [begin, size] = tile;
    if (rows.class_stride != 0) {
      const T* const z = rows.logits + Offset(rows, begin, 0);
      std::fill(columns, columns + classes * kTile, T(0));
      for (int64_t j = 0; j < classes; ++j) {
        const T* const column = z + j * rows.class_stride;
        std::copy(column, column + size, columns + j * kTile);
      }
      return;
    }
    const T* const z = source.At(begin * classes, size * classes);
    if (size == kTile && classes >= Transposed::kSlack) {
      Transposed::ToColumns(z, classes, columns);
      return;
    }
    T padded[kMaxTile + Transposed::kSlack];
    std::memcpy(padded, static_cast<const void*>(z),
                static_cast<size_t>(size * classes) * sizeof(T));
    std::fill(padded + size * classes, padded + kTile * classes + Transposed::kSlack, T(0));
    Transposed::ToColumns(padded, classes, columns);
  }

  static void Store(const ClassIdRows<T>& rows, int64_t begin, int64_t size, const T* columns,
                    T* out) {
    const int64_t classes = rows.class_count;
    out += Offset(rows, begin, 0);
    if (rows.class_stride != 0) {
      StoreStrided(rows, size, columns, out);
      return;
    }
    const bool whole = size == kTile;
    const bool streams = whole && rows.stores == Stores::kStreaming && OnLine(out);
    if (whole && !streams && classes >= Transposed::kSlack) {
      Transposed::ToRows(columns, classes, out);
      return;
    }
    alignas(64) T padded[kMaxTile + Transposed::kSlack];
    Transposed::ToRows(columns, classes, padded);
    if (!streams) {
      std::copy(padded, padded + size * classes, out);
      return;
    }
    // A whole tile's rows are whole lines.
    for (int64_t i = 0; i < kTile * classes; i += kWidth) {
      StoreStreaming(V::load_aligned(padded + i), out + i);
    }
  }

  // Returns true when each class's part of a whole tile of rows next to each other is whole lines.
  static bool StreamsStrided(const ClassIdRows<T>& rows, const T* out) {
    return rows.stores == Stores::kStreaming && OnLine(out) &&
           static_cast<size_t>(rows.class_stride) * sizeof(T) % kLineBytes == 0;
  }

  // Writes a tile to a matrix of 16 bits, of rows that follow each other.
  static void StoreHalves(const ClassIdRows<T>& rows, const Tile& tile, const T* columns,
                          const HalfMatrix& out) {
    if constexpr (std::is_same_v<T, float>) {
      const int64_t classes = rows.class_count;
      alignas(64) T padded[kMaxTile + Transposed::kSlack];
      Transposed::ToRows(columns, classes, padded);
      HalfFloatKernel<Arch>::Narrow(out.format, padded, tile.size * classes, rows.stores,
                                    out.numbers + tile.begin * classes);
    }
  }

  // Finds the largest logit of each row of a whole tile, whose classes are `stride` apart in
  // `from`. Copies the tile to `columns`, which may be `from`.
  static void FindMaxima(const T* from, int64_t stride, int64_t classes, T* columns, T* max) {
    constexpr int64_t kMany = 64 / static_cast<int64_t>(sizeof(T)) / kWidth * 2;
    for (int64_t k = 0; k < kTile; k += kMany * kWidth) {
      V best[static_cast<size_t>(kMany)];
      for (V& v : best) v = V(-kInfinity<T>);
      for (int64_t j = 0; j < classes; ++j) {
        for (int64_t r = 0; r < kMany; ++r) {
          const V v = V::load_unaligned(from + j * stride + k + r * kWidth);
          if (from != columns) v.store_aligned(columns + j * kTile + k + r * kWidth);
          best[r] = MaxOf(v, best[r]);
        }
      }
      for (int64_t r = 0; r < kMany; ++r) best[r].store_aligned(max + k + r * kWidth);
    }
  }

 private:
  using Transposed = TileTranspose<T, Arch, kTile>;

  static void StoreStrided(const ClassIdRows<T>& rows, int64_t size, const T* columns, T* out) {
    const bool streams = size == kTile && StreamsStrided(rows, out);
    for (int64_t j = 0; j < rows.class_count; ++j) {
      const T* const column = columns + j * kTile;
      T* const to = out + j * rows.class_stride;
      if (!streams) {
        std::copy(column, column + size, to);
        continue;
      }
      for (int64_t i = 0; i < kTile; i += kWidth) {
        StoreStreaming(V::load_aligned(column + i), to + i);
      }
    }
  }

  // Returns where entry (row, class) of a matrix is.
  static int64_t Offset(const ClassIdRows<T>& rows, int64_t row, int64_t j) {
    return rows.class_stride == 0 ? row * rows.class_count + j : row + j * rows.class_stride;
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TILE_MATRIX_INL_H_
