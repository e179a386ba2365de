#ifndef LOSSD_SERVER_KERNELS_CLASS_ID_LANES_INL_H_
#define LOSSD_SERVER_KERNELS_CLASS_ID_LANES_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/row_group-inl.h"
#include "server/kernels/tile_transpose-inl.h"

namespace lossd::kernels {

// ClassIdKernel where rows are shorter than a few registers, or their classes do not stand
// together: a tile of rows is brought into columns, one for each class, and a row is a lane of
// them.
template <class Form, typename T, class Arch>
class ClassIdLanes {
 public:
  static void Run(const ClassIdRows<T>& rows, const FormParameters& parameters) {
    for (int64_t begin = 0; begin < rows.row_count; begin += kTile) {
      RunTile(rows, begin, std::min(kTile, rows.row_count - begin), parameters);
    }
  }

 private:
  using V = Batch<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kTile = 64;
  using Group = RowGroup<Form, T, Arch, kTile>;
  using Transposed = TileTranspose<T, Arch, kTile>;
  static constexpr size_t kLineBytes = 64;
  static constexpr int64_t kLine = static_cast<int64_t>(kLineBytes / sizeof(T));
  static constexpr int64_t kMaxTile = kTile * kMaxStridedClasses;

  static void RunTile(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                      const FormParameters& parameters) {
    alignas(64) T columns[kMaxTile];
    const int64_t classes = rows.class_count;
    const int64_t* const ids = rows.class_ids + begin;
    LoadColumns(rows, begin, size, columns);
    Group group;
    for (int64_t i = 0; i < size; ++i) {
      group.below_max[i] = static_cast<double>(columns[ids[i] * kTile + i]);
    }
    for (int64_t k = 0; k < size; k += kStep) Reduce(columns, classes, k, group);
    for (int64_t i = 0; i < size; ++i) {
      group.below_max[i] -= group.max[i];
      group.exp_truth[i] = static_cast<double>(columns[ids[i] * kTile + i]);
    }
    group.Evaluate(rows, begin, size, parameters);
    if (rows.hessian != nullptr) WriteHessians(rows, begin, size, columns, group);
    if (rows.probabilities != nullptr) WriteProbabilities(rows, begin, size, columns, group);
    if (rows.gradient != nullptr) WriteGradients(rows, begin, size, columns, group);
  }

  // Entry (row, class) of a matrix.
  static int64_t Offset(const ClassIdRows<T>& rows, int64_t row, int64_t j) {
    return rows.class_stride == 0 ? row * rows.class_count + j : row + j * rows.class_stride;
  }

  static void LoadColumns(const ClassIdRows<T>& rows, int64_t begin, int64_t size, T* columns) {
    const int64_t classes = rows.class_count;
    const T* const z = rows.logits + Offset(rows, begin, 0);
    if (rows.class_stride != 0) {
      if (size < kTile) std::fill(columns, columns + classes * kTile, T(0));
      for (int64_t j = 0; j < classes; ++j) {
        const T* const column = z + j * rows.class_stride;
        // Too many streams for the CPU to follow by itself.
        for (int64_t i = 0; i < kTile; i += kLine) Prefetch(column + kTile + i);
        std::copy(column, column + size, columns + j * kTile);
      }
      return;
    }
    if (size == kTile && classes >= Transposed::kSlack) {
      Transposed::ToColumns(z, classes, columns);
      return;
    }
    T padded[kMaxTile + Transposed::kSlack];
    std::copy(z, z + size * classes, padded);
    std::fill(padded + size * classes, padded + kTile * classes + Transposed::kSlack, T(0));
    Transposed::ToColumns(padded, classes, columns);
  }

  static void StoreColumns(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                           const T* columns, T* out) {
    const int64_t classes = rows.class_count;
    out += Offset(rows, begin, 0);
    if (rows.class_stride != 0) {
      const bool lines = reinterpret_cast<uintptr_t>(out) % kLineBytes == 0 &&
                         static_cast<size_t>(rows.class_stride) * sizeof(T) % kLineBytes == 0;
      const bool streams = rows.stores == Stores::kStreaming && size == kTile && lines;
      for (int64_t j = 0; j < classes; ++j) {
        const T* const column = columns + j * kTile;
        T* const to = out + j * rows.class_stride;
        if (streams) {
          for (int64_t i = 0; i < kTile; i += kWidth) {
            StoreStreaming(V::load_aligned(column + i), to + i);
          }
        } else {
          std::copy(column, column + size, to);
        }
      }
      return;
    }
    if (size == kTile && classes >= Transposed::kSlack) {
      Transposed::ToRows(columns, classes, out);
      return;
    }
    T padded[kMaxTile + Transposed::kSlack];
    Transposed::ToRows(columns, classes, padded);
    std::copy(padded, padded + size * classes, out);
  }

  // Maximum and held-out sum of the rows in lanes k, k + 1, ... of a few registers, which go side
  // by side so that one's arithmetic fills the other's waits. Replaces logits by exponentials.
  static constexpr int64_t kRegisters = 2;
  static constexpr int64_t kStep = kRegisters * kWidth;

  static void Reduce(T* columns, int64_t classes, int64_t k, Group& group) {
    const V zero(T(0));
    const V infinity(kInfinity<T>);
    V max[static_cast<size_t>(kRegisters)];
    for (V& v : max) v = -infinity;
    for (int64_t j = 0; j < classes; ++j) {
      for (int64_t r = 0; r < kRegisters; ++r) {
        max[r] = MaxOf(V::load_aligned(columns + j * kTile + k + r * kWidth), max[r]);
      }
    }
    // All that equal the maximum are held out, and all but one of them, 1 each, are added again.
    V rest[static_cast<size_t>(kRegisters)][2];
    V equals[static_cast<size_t>(kRegisters)];
    for (int64_t r = 0; r < kRegisters; ++r) {
      rest[r][0] = rest[r][1] = zero;
      equals[r] = V(T(-1));
    }
    const V one(T(1));
    for (int64_t j = 0; j < classes; ++j) {
      for (int64_t r = 0; r < kRegisters; ++r) {
        T* const column = columns + j * kTile + k + r * kWidth;
        const V x = V::load_aligned(column) - max[r];
        const V e = ExpNonPositive(x);
        e.store_aligned(column);
        const auto equal = x == zero;
        rest[r][j % 2] += xsimd::select(equal, zero, e);
        equals[r] += xsimd::select(equal, one, zero);
      }
    }
    for (int64_t r = 0; r < kRegisters; ++r) {
      // An infinite maximum, or none, makes the row NaN.
      const V poison = max[r] - max[r];
      Widen(max[r], group.max + k + r * kWidth);
      Widen(((rest[r][0] + rest[r][1]) + equals[r]) + poison, group.rest + k + r * kWidth);
    }
  }

  static void Widen(const V& v, double* to) {
    alignas(64) T lanes[V::size];
    v.store_aligned(lanes);
    for (int64_t i = 0; i < kWidth; ++i) to[i] = static_cast<double>(lanes[i]);
  }

  static void WriteGradients(const ClassIdRows<T>& rows, int64_t begin, int64_t size, T* columns,
                             const Group& group) {
    alignas(64) T index[kTile] = {};
    for (int64_t i = 0; i < size; ++i) index[i] = static_cast<T>(rows.class_ids[begin + i]);
    for (int64_t k = 0; k < size; k += kWidth) {
      const V factor = V::load_aligned(group.exp_factor + k);
      const V truth = V::load_aligned(group.truth_gradient + k);
      const V own = V::load_aligned(index + k);
      const V zero(T(0));
      const auto none = factor == zero;
      for (int64_t j = 0; j < rows.class_count; ++j) {
        T* const column = columns + j * kTile + k;
        const V g = xsimd::select(none, zero, factor * V::load_aligned(column));
        xsimd::select(own == V(static_cast<T>(j)), truth, g).store_aligned(column);
      }
    }
    StoreColumns(rows, begin, size, columns, rows.gradient);
  }

  static void WriteProbabilities(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                                 const T* columns, const Group& group) {
    alignas(64) T probabilities[kMaxTile];
    for (int64_t j = 0; j < rows.class_count; ++j) {
      for (int64_t i = 0; i < size; ++i) {
        probabilities[j * kTile + i] = columns[j * kTile + i] * static_cast<T>(group.p_max[i]);
      }
    }
    StoreColumns(rows, begin, size, probabilities, rows.probabilities);
  }

  static void WriteHessians(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                            const T* columns, const Group& group) {
    // What RowHessian says of each row, in columns.
    alignas(64) T parts[8][kTile] = {};
    for (int64_t i = 0; i < size; ++i) {
      const RowHessian<T, Arch> h = group.HessianOf(rows, begin + i, i);
      const T values[] = {h.factor, h.pole, h.sloped, h.scaled, h.unweighted, h.largest, h.truth};
      for (int64_t n = 0; n < 7; ++n) parts[n][i] = values[n];
      parts[7][i] = static_cast<T>(rows.class_ids[begin + i]);
    }
    const V floor(rows.curvature == Curvature::kPositive ? T(1e-16) : -kInfinity<T>);
    alignas(64) T out[kMaxTile];
    for (int64_t k = 0; k < size; k += kWidth) {
      V part[8];
      for (int64_t n = 0; n < 8; ++n) part[n] = V::load_aligned(parts[n] + k);
      for (int64_t j = 0; j < rows.class_count; ++j) {
        const V e = V::load_aligned(columns + j * kTile + k);
        V h = RowHessian<T, Arch>::OfOthers(e, part[0], part[1], part[2], part[3], floor);
        h = xsimd::select(e == V(T(1)), part[5], h);
        h = xsimd::select(part[7] == V(static_cast<T>(j)), part[6], h);
        xsimd::select(part[3] == V(T(0)), part[4], h).store_aligned(out + j * kTile + k);
      }
    }
    StoreColumns(rows, begin, size, out, rows.hessian);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_CLASS_ID_LANES_INL_H_
