#ifndef LOSSD_SERVER_KERNELS_ROWS_TILE_TRANSPOSE_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TILE_TRANSPOSE_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/rows/block_lines-inl.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/simd/inlining.h"

namespace lossd::kernels {

#if defined(__SSE2__)

// Moves elements between kRows rows of at most kMaxStridedClasses classes, row after row, and
// columns of kRows entries, class after class. kRows is a multiple of 8, and kSlack elements past
// the last row may be read and written. Rows that are read need not be aligned as their type.
// Blocks of elements go through registers: compilers make fast code of plain loops in some
// surroundings and slow code in others.
template <typename T, typename Arch, int64_t kRows>
class TileTranspose {
 public:
  static constexpr int64_t kSlack = BlockLines<T, Arch>::kSize;

  LOSSD_NOINLINE LOSSD_FLATTEN static void ToColumns(const T* rows, int64_t classes, T* columns) {
    ForEachBlock(classes, [&](int64_t i, int64_t j) {
      Block block = Load(rows + i * classes + j, classes, kBlock);
      block.Transpose();
      Store(block, std::min(kBlock, classes), kRows, columns + j * kRows + i);
    });
  }

  LOSSD_NOINLINE LOSSD_FLATTEN static void ToRows(const T* columns, int64_t classes, T* rows) {
    ForEachBlock(classes, [&](int64_t i, int64_t j) {
      Block block = Load(columns + j * kRows + i, kRows, std::min(kBlock, classes));
      block.Transpose();
      Store(block, kBlock, classes, rows + i * classes + j);
    });
  }

 private:
  using Block = BlockLines<T, Arch>;
  static constexpr int64_t kBlock = Block::kSize;

  // Calls f(row, class) for the first row and class of each block. A row's last block ends with the
  // row and may overlap the one before it. Where a row has fewer classes than a block, the block's
  // lines reach into the next row, whose own lines then overwrite them.
  template <typename F>
  static void ForEachBlock(int64_t classes, F f) {
    const int64_t last = std::max<int64_t>(0, classes - kBlock);
    for (int64_t i = 0; i < kRows; i += kBlock) {
      for (int64_t j = 0; j < last; j += kBlock) f(i, j);
      f(i, last);
    }
  }

  // Reads the first `count` lines of a block, `stride` elements apart; the others are 0.
  static Block Load(const T* from, int64_t stride, int64_t count) {
    Block block = {};
    if (count == kBlock) {
      for (int64_t i = 0; i < kBlock; ++i) block.line[i] = Block::Load(from + i * stride);
      return block;
    }
    for (int64_t i = 0; i < kBlock; ++i) {
      if (i < count) block.line[i] = Block::Load(from + i * stride);
    }
    return block;
  }

  // Writes the first `count` lines of a block, `stride` elements apart.
  static void Store(const Block& block, int64_t count, int64_t stride, T* to) {
    if (count == kBlock) {
      for (int64_t i = 0; i < kBlock; ++i) Block::Store(to + i * stride, block.line[i]);
      return;
    }
    for (int64_t i = 0; i < kBlock; ++i) {
      if (i < count) Block::Store(to + i * stride, block.line[i]);
    }
  }
};

#else

// Does the same element by element, for any instruction set.
template <typename T, typename Arch, int64_t kRows>
class TileTranspose {
 public:
  static constexpr int64_t kSlack = 0;

  static void ToColumns(const T* rows, int64_t classes, T* columns) {
    for (int64_t i = 0; i < kRows; ++i) {
      for (int64_t j = 0; j < classes; ++j)
        columns[j * kRows + i] = Load<Arch>(rows + i * classes + j);
    }
  }

  static void ToRows(const T* columns, int64_t classes, T* rows) {
    for (int64_t i = 0; i < kRows; ++i) {
      for (int64_t j = 0; j < classes; ++j) rows[i * classes + j] = columns[j * kRows + i];
    }
  }
};

#endif

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TILE_TRANSPOSE_INL_H_
