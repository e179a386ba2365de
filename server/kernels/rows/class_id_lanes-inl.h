#ifndef LOSSD_SERVER_KERNELS_ROWS_CLASS_ID_LANES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_CLASS_ID_LANES_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/rows/logit_source-inl.h"
#include "server/kernels/rows/row_group-inl.h"
#include "server/kernels/rows/tile_fetcher-inl.h"
#include "server/kernels/rows/tile_hessian-inl.h"
#include "server/kernels/rows/tile_matrix-inl.h"
#include "server/kernels/rows/tile_writer-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"

namespace lossd::kernels {

// ClassIdKernel where rows are shorter than a few registers, or their classes are a stride apart: a
// tile of rows is brought into columns, one for each class, and a row is a lane of them.
template <typename Form, typename T, typename Arch>
class ClassIdLanes {
 public:
  static void Run(const ClassIdRows<T>& rows, const FormParameters& parameters) {
    LogitSource<T, Arch> source(rows);
    int64_t begin = 0;
    if (rows.class_stride != 0) {
      const bool streams = Matrix::StreamsStrided(rows, rows.gradient);
      begin = streams ? RunWholeTiles<Stores::kStreaming>(rows, source, parameters)
                      : RunWholeTiles<Stores::kCached>(rows, source, parameters);
    }
    for (; begin < rows.row_count; begin += kTile) {
      const Tile tile = {begin, std::min(kTile, rows.row_count - begin)};
      alignas(64) T columns[static_cast<size_t>(kMaxTile)];
      Group group;
      ReduceTile(
          rows, source, tile, parameters, columns, [] {}, group);
      const bool wants_gradient = rows.gradient != nullptr || rows.half_gradient.numbers != nullptr;
      if (wants_gradient) WriteGradients(rows, tile, columns, group);
    }
  }

 private:
  using V = Lanes<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kTile = kMostTileRows;
  // A few registers of rows go side by side, so that one's arithmetic fills the other's waits.
  static constexpr int64_t kRegisters = 2;
  static constexpr int64_t kStep = kRegisters * kWidth;
  using Group = RowGroup<Form, T, Arch, kTile>;
  using Gradient = TileGradient<T, Arch, kTile>;
  using Matrix = TileMatrix<T, Arch>;
  static constexpr int64_t kMaxTile = Matrix::kMaxTile;

  static Gradient GradientOf(const ClassIdRows<T>& rows, const Tile& tile, const Group& group) {
    return Gradient(group.exp_factor, group.truth_gradient, rows.class_ids + tile.begin, tile.size);
  }

  // Computes all whole tiles. While one is reduced, the one before it is written and the one after
  // it fetched. Returns how many rows they have.
  template <Stores kStores>
  static int64_t RunWholeTiles(const ClassIdRows<T>& rows, LogitSource<T, Arch>& source,
                               const FormParameters& parameters) {
    alignas(64) T columns[2][static_cast<size_t>(kMaxTile)];
    TileFetcher<T, Arch, kTile> fetcher;
    TileWriter<T, Arch, kTile, kStores> writer;
    const auto fetch = [&]() LOSSD_ALWAYS_INLINE { fetcher.template Fetch<kStep>(); };
    const auto fetch_and_write = [&]() LOSSD_ALWAYS_INLINE {
      fetch();
      writer.template Write<kStep>();
    };
    int64_t begin = 0;
    for (int64_t half = 0; begin + kTile <= rows.row_count; begin += kTile, half = 1 - half) {
      const Tile tile = {begin, kTile};
      Group group;
      fetcher.Begin(rows.logits + begin + kTile, rows.class_stride);
      // A whole tile has as many steps as the one that is written.
      if (writer.any()) {
        ReduceTile(rows, source, tile, parameters, columns[half], fetch_and_write, group);
      } else {
        ReduceTile(rows, source, tile, parameters, columns[half], fetch, group);
      }
      if (rows.gradient == nullptr) continue;
      writer.Begin(GradientOf(rows, tile, group), columns[half], rows.class_count,
                   rows.gradient + begin, rows.class_stride);
    }
    writer.Finish();
    return begin;
  }

  // Computes all of a tile but the gradient, and leaves the gradient's exponentials in `columns`.
  // Calls `meanwhile` after each step of kStep rows of a class.
  template <typename F>
  static void ReduceTile(const ClassIdRows<T>& rows, LogitSource<T, Arch>& source, const Tile& tile,
                         const FormParameters& parameters, T* columns, const F& meanwhile,
                         Group& group) {
    const int64_t classes = rows.class_count;
    const auto [begin, size] = tile;
    const int64_t* const ids = rows.class_ids + begin;
    alignas(64) T max[kTile];
    if (rows.class_stride != 0 && size == kTile) {
      Matrix::FindMaxima(rows.logits + begin, rows.class_stride, classes, columns, max);
    } else {
      Matrix::Load(rows, source, tile, columns);
      Matrix::FindMaxima(columns, kTile, classes, columns, max);
    }
    for (int64_t i = 0; i < size; ++i) {
      group.max[i] = static_cast<double>(max[i]);
      group.below_max[i] = static_cast<double>(columns[ids[i] * kTile + i]) - group.max[i];
    }
    for (int64_t k = 0; k < size; k += kStep) SumExps(columns, classes, k, max, group, meanwhile);
    for (int64_t i = 0; i < size; ++i) {
      group.exp_truth[i] = static_cast<double>(columns[ids[i] * kTile + i]);
    }
    group.Evaluate(rows, begin, size, parameters);
    if (rows.hessian != nullptr) WriteHessians(rows, begin, size, columns, group);
    if (rows.probabilities != nullptr) WriteProbabilities(rows, begin, size, columns, group);
  }

  // Replaces the logits in lanes k, k + 1, ... by exponentials and sums them, the largest held out.
  template <typename F>
  static void SumExps(T* columns, int64_t classes, int64_t k, const T* max, Group& group,
                      const F& meanwhile) {
    const V zero(T(0));
    const V one(T(1));
    V largest[static_cast<size_t>(kRegisters)];
    V rest[static_cast<size_t>(kRegisters)];
    // All that equal the maximum are held out; all but one of them are added again, 1 each.
    V equals[static_cast<size_t>(kRegisters)];
    for (int64_t r = 0; r < kRegisters; ++r) {
      largest[r] = V::load_aligned(max + k + r * kWidth);
      rest[r] = zero;
      equals[r] = -one;
    }
    for (int64_t j = 0; j < classes; ++j) {
      for (int64_t r = 0; r < kRegisters; ++r) {
        T* const column = columns + j * kTile + k + r * kWidth;
        const V x = V::load_aligned(column) - largest[r];
        const V e = ExpNonPositive(x);
        e.store_aligned(column);
        const auto equal = x == zero;
        rest[r] += ZeroWhere(equal, e);
        equals[r] += OneWhere(equal);
      }
      meanwhile();
    }
    for (int64_t r = 0; r < kRegisters; ++r) {
      // An infinite maximum, or none, makes the row NaN.
      // NOLINTNEXTLINE(misc-redundant-expression)
      const V poison = largest[r] - largest[r];
      Widen((rest[r] + equals[r]) + poison, group.rest + k + r * kWidth);
    }
  }

  static void Widen(const V& v, double* to) {
    alignas(64) T lanes[V::size];
    v.store_aligned(lanes);
    for (int64_t i = 0; i < kWidth; ++i) to[i] = static_cast<double>(lanes[i]);
  }

  static void WriteGradients(const ClassIdRows<T>& rows, const Tile& tile, T* columns,
                             const Group& group) {
    const Gradient gradient = GradientOf(rows, tile, group);
    for (int64_t j = 0; j < rows.class_count; ++j) {
      T* const column = columns + j * kTile;
      const V own(static_cast<T>(j));
      for (int64_t k = 0; k < kTile; k += kWidth) {
        gradient.At(column, own, k).store_aligned(column + k);
      }
    }
    if (rows.gradient != nullptr) {
      Matrix::Store(rows, tile.begin, tile.size, columns, rows.gradient);
    } else {
      Matrix::StoreHalves(rows, tile, columns, rows.half_gradient);
    }
  }

  static void WriteProbabilities(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                                 const T* columns, const Group& group) {
    alignas(64) T probabilities[static_cast<size_t>(kMaxTile)];
    for (int64_t j = 0; j < rows.class_count; ++j) {
      for (int64_t i = 0; i < size; ++i) {
        probabilities[j * kTile + i] = columns[j * kTile + i] * static_cast<T>(group.p_max[i]);
      }
    }
    Matrix::Store(rows, begin, size, probabilities, rows.probabilities);
  }

  LOSSD_NOINLINE static void WriteHessians(const ClassIdRows<T>& rows, int64_t begin, int64_t size,
                                           const T* columns, Group& group) {
    TileHessian<T, Arch, kTile> hessian(rows.curvature, rows.class_ids + begin, size);
    group.FindHessians(rows, begin, size, hessian.Columns());
    alignas(64) T out[static_cast<size_t>(kMaxTile)];
    for (int64_t k = 0; k < size; k += kWidth) {
      const auto part = hessian.RowsAt(k);
      for (int64_t j = 0; j < rows.class_count; ++j) {
        part.At(V::load_aligned(columns + j * kTile + k), V(static_cast<T>(j)))
            .store_aligned(out + j * kTile + k);
      }
    }
    Matrix::Store(rows, begin, size, out, rows.hessian);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_CLASS_ID_LANES_INL_H_
