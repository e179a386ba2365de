#ifndef LOSSD_SERVER_LOSS_BLOCKS_STRIDED_ROWS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_STRIDED_ROWS_H_

#include <algorithm>
#include <cstdint>

namespace lossd::loss {

// A matrix of rows that lies as [rows / inner, classes, inner].
struct StridedMatrix {
  int64_t classes = 1;
  int64_t inner = 1;

  // Returns the offset of entry (row, 0); the row's others are `inner` apart.
  int64_t Offset(int64_t row) const { return row / inner * inner * classes + row % inner; }
};

inline constexpr int64_t kMostGroupRows = 16;  // a cache line's

// Calls f(row, offset, count) for groups of at most kMostGroupRows rows in [begin, end) that lie
// side by side.
template <typename F>
void ForEachGroup(const StridedMatrix& matrix, int64_t begin, int64_t end, F f) {
  for (int64_t row = begin; row < end;) {
    const int64_t left = matrix.inner - row % matrix.inner;
    const int64_t count = std::min({kMostGroupRows, left, end - row});
    f(row, matrix.Offset(row), count);
    row += count;
  }
}

// Copies rows [begin, end) to `rows`, [end - begin, classes].
template <typename T>
void GatherRows(const StridedMatrix& matrix, const T* elements, int64_t begin, int64_t end,
                T* rows) {
  ForEachGroup(matrix, begin, end, [&](int64_t row, int64_t offset, int64_t count) {
    T* const to = rows + (row - begin) * matrix.classes;
    for (int64_t k = 0; k < matrix.classes; ++k) {
      const T* const from = elements + offset + k * matrix.inner;
      for (int64_t i = 0; i < count; ++i) to[i * matrix.classes + k] = from[i];
    }
  });
}

// Copies rows [begin, end) from `rows`, [end - begin, classes], to where the matrix has them.
template <typename T>
void ScatterRows(const StridedMatrix& matrix, const T* rows, int64_t begin, int64_t end,
                 T* elements) {
  ForEachGroup(matrix, begin, end, [&](int64_t row, int64_t offset, int64_t count) {
    const T* const from = rows + (row - begin) * matrix.classes;
    for (int64_t k = 0; k < matrix.classes; ++k) {
      T* const to = elements + offset + k * matrix.inner;
      for (int64_t i = 0; i < count; ++i) to[i] = from[i * matrix.classes + k];
    }
  });
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_STRIDED_ROWS_H_
