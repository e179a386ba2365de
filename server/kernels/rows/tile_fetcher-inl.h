#ifndef LOSSD_SERVER_KERNELS_ROWS_TILE_FETCHER_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TILE_FETCHER_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

// Prefetches whole tiles of kRows rows, whose classes are a stride apart: as many streams as
// classes are too many for the CPU to follow by itself. A piece whenever its user has time for one,
// for a CPU can wait for no more than some 20 lines at once.
template <typename T, class Arch, int64_t kRows>
class TileFetcher {
 public:
  // `from` need not be memory of ours.
  void Begin(const T* from, int64_t stride) {
    from_ = from;
    stride_ = stride;
    row_ = 0;
  }

  // The next kStep rows of a class, class after class, so that lines which follow each other do so
  // here, too. Of rows that begin within a line, the lines that they end in: the first was fetched
  // with the rows before.
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
