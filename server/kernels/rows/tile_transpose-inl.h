#ifndef LOSSD_SERVER_KERNELS_ROWS_TILE_TRANSPOSE_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TILE_TRANSPOSE_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/rows/logit_source-inl.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace lossd::kernels {

// Moves elements between kRows rows of at most kMaxStridedClasses classes, row after row, and
// columns of kRows entries, class after class. kRows is a multiple of 8, and kSlack elements past
// the last row may be read and written. Rows that are read need not be aligned as their type.
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

#if defined(__AVX2__)

// Moves blocks of 8 by 8 in registers.
template <typename Arch, int64_t kRows>
class TileTranspose<float, Arch, kRows> {
 public:
  static constexpr int64_t kSlack = 8;

  static void ToColumns(const float* rows, int64_t classes, float* columns) {
    for (int64_t i = 0; i < kRows; i += kBlock) {
      ForEachBlock(classes, [&](int64_t j) {
        Block block = LoadRows(rows + i * classes + j, classes);
        Transpose(block);
        StoreColumns(block, std::min(kBlock, classes - j), columns + j * kRows + i);
      });
    }
  }

  static void ToRows(const float* columns, int64_t classes, float* rows) {
    for (int64_t i = 0; i < kRows; i += kBlock) {
      ForEachBlock(classes, [&](int64_t j) {
        Block block = LoadColumns(columns + j * kRows + i, std::min(kBlock, classes - j));
        Transpose(block);
        StoreRows(block, classes, rows + i * classes + j);
      });
    }
  }

 private:
  static constexpr int64_t kBlock = 8;

  struct Block {
    __m256 line[8];
  };

  // Calls f(j) for each block of 8 classes from j on. The last ends with the row and may overlap
  // the one before it. Where a row has fewer than 8 classes, a block's lines reach into the next
  // row, whose own lines then overwrite them.
  template <typename F>
  static void ForEachBlock(int64_t classes, F f) {
    int64_t j = 0;
    for (; j + kBlock <= classes; j += kBlock) f(j);
    if (j < classes) f(std::max<int64_t>(0, classes - kBlock));
  }

  static Block LoadRows(const float* rows, int64_t classes) {
    Block block;
    for (int64_t i = 0; i < kBlock; ++i) block.line[i] = _mm256_loadu_ps(rows + i * classes);
    return block;
  }
  static void StoreRows(const Block& block, int64_t classes, float* rows) {
    for (int64_t i = 0; i < kBlock; ++i) _mm256_storeu_ps(rows + i * classes, block.line[i]);
  }
  static Block LoadColumns(const float* columns, int64_t count) {
    Block block;
    for (int64_t j = 0; j < kBlock; ++j) {
      block.line[j] = j < count ? _mm256_load_ps(columns + j * kRows) : _mm256_setzero_ps();
    }
    return block;
  }
  static void StoreColumns(const Block& block, int64_t count, float* columns) {
    if (count == kBlock) {
      for (int64_t j = 0; j < kBlock; ++j) _mm256_store_ps(columns + j * kRows, block.line[j]);
    } else {
      for (int64_t j = 0; j < count; ++j) _mm256_store_ps(columns + j * kRows, block.line[j]);
    }
  }

  // Exchanges single elements, then pairs, then halves.
  static void Transpose(Block& b) {
    Block singles;
    for (int64_t i = 0; i < kBlock; i += 2) {
      singles.line[i] = _mm256_unpacklo_ps(b.line[i], b.line[i + 1]);
      singles.line[i + 1] = _mm256_unpackhi_ps(b.line[i], b.line[i + 1]);
    }
    Block pairs;
    for (int64_t i = 0; i < kBlock; i += 4) {
      for (int64_t k = 0; k < 2; ++k) {
        const __m256 low = singles.line[i + k];
        const __m256 high = singles.line[i + k + 2];
        pairs.line[i + 2 * k] = _mm256_shuffle_ps(low, high, _MM_SHUFFLE(1, 0, 1, 0));
        pairs.line[i + 2 * k + 1] = _mm256_shuffle_ps(low, high, _MM_SHUFFLE(3, 2, 3, 2));
      }
    }
    for (int64_t i = 0; i < kBlock / 2; ++i) {
      b.line[i] = _mm256_permute2f128_ps(pairs.line[i], pairs.line[i + 4], 0x20);
      b.line[i + 4] = _mm256_permute2f128_ps(pairs.line[i], pairs.line[i + 4], 0x31);
    }
  }
};

#endif

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TILE_TRANSPOSE_INL_H_
