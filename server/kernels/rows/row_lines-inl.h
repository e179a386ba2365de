#ifndef LOSSD_SERVER_KERNELS_ROWS_ROW_LINES_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_ROW_LINES_INL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "server/kernels/rows/row_passes-inl.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"

namespace lossd::kernels {

// Writes rows a line of the cache at a time.
template <typename T, typename Arch>
class RowLines {
 public:
  using V = Lanes<T, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);

  // An element with a value of its own.
  struct Own {
    int64_t index;
    T value;
  };

  // Writes out_j = f(in_j), but for those of `first` and `second` in [0, count), of which the
  // second comes last; whole lines as `stores` says. kLanes elements past `in` may be read.
  template <typename F>
  static void Map(const T* in, int64_t count, const Own& first, const Own& second, Stores stores,
                  T* out, F f) {
    const int64_t before = ElementsToLine(out);
    const int64_t lines = (count - before) / kLine;
    if (stores == Stores::kCached || lines < 1) {
      RowPasses<T, Arch>::Map(in, count, out, f);
      SetOwn(first, second, 0, count, out);
      return;
    }
    const int64_t end = before + lines * kLine;
    MapPart(in, before, first, second, 0, out, f);
    // The lines with own values are made apart, so that no line is written twice.
    const auto line_of = [&](const Own& own) {
      const bool is_inside = own.index >= before && own.index < end;
      return is_inside ? own.index - (own.index - before) % kLine : end;
    };
    int64_t j = before;
    for (const int64_t apart : {std::min(line_of(first), line_of(second)),
                                std::max(line_of(first), line_of(second)), end}) {
      for (; j < apart; j += kLine) {
        for (int64_t k = 0; k < kLine; k += kWidth) {
          StoreStreaming(f(V::load_unaligned(in + j + k)), out + j + k);
        }
      }
      if (j >= end || j != apart) continue;
      alignas(64) T line[static_cast<size_t>(kLine)];
      MapPart(in + j, kLine, first, second, j, line, f);
      for (int64_t k = 0; k < kLine; k += kWidth) {
        StoreStreaming(V::load_aligned(line + k), out + j + k);
      }
      j += kLine;
    }
    MapPart(in + end, count - end, first, second, end, out + end, f);
  }

 private:
  static constexpr auto kLine = static_cast<int64_t>(kLineBytes / sizeof(T));

  // Writes at most kLine elements, which are those from `begin` on of a row with own values.
  template <typename F>
  static void MapPart(const T* in, int64_t count, const Own& first, const Own& second,
                      int64_t begin, T* out, F f) {
    alignas(64) T line[static_cast<size_t>(kLine)];
    for (int64_t k = 0; k < kLine; k += kWidth)
      f(V::load_unaligned(in + k)).store_aligned(line + k);
    std::copy(line, line + count, out);
    SetOwn(first, second, begin, count, out);
  }

  static void SetOwn(const Own& first, const Own& second, int64_t begin, int64_t count, T* out) {
    for (const Own* const own : {&first, &second}) {
      if (own->index >= begin && own->index < begin + count) out[own->index - begin] = own->value;
    }
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_ROW_LINES_INL_H_
