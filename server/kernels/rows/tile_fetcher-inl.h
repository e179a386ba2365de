#ifndef LOSSD_SERVER_KERNELS_ROWS_TILE_FETCHER_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TILE_FETCHER_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

// Prefetches whole tiles of kRows rows, whose classes are a stride apart: the CPU cannot follow as
// many streams as there are classes by itself. Its user calls Fetch between steps of other work,
// since a CPU can wait for no more than some 20 lines at once.
template <typename T, typename Arch, int64_t kRows>
class TileFetcher {
 public:
  // Starts with the tile at `from`, which need not be memory of this process.
  void Begin(const T* from, int64_t stride) {
    from_ = from;
    stride_ = stride;
    row_ = 0;
  }

  // Fetches the next kStep rows of a class, class after class, so that lines which follow each
  // other are fetched in that order. Rows that begin within a line need only the lines that they
  // end in: the first was fetched with the rows before.
  template <int64_t kStep>
  LOSSD_ALWAYS_INLINE void Fetch() {
    static_assert(kRows % kStep == 0);
    constexpr int64_t kEvery = std::min(kStep, kLineElements);
    for (int64_t k = kEvery; k <= kStep; k += kEvery) Prefetch(from_ + row_ + k - 1);
    row_ += kStep;
    if (row_ < kRows) return;
    row_ = 0;
    from_ += stride_;
  }

 private:
  static constexpr int64_t kLineElements = static_cast<int64_t>(kLineBytes / sizeof(T));

  const T* from_ = nullptr;
  int64_t stride_ = 0;
  int64_t row_ = 0;  // the next one
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TILE_FETCHER_INL_H_
