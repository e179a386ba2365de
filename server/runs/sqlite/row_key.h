#ifndef LOSSD_SERVER_RUNS_SQLITE_ROW_KEY_H_
#define LOSSD_SERVER_RUNS_SQLITE_ROW_KEY_H_

#include <cstdint>

namespace lossd::runs {

// The key of a row that belongs to a run: of its batch with the number, or its chunk with the index
// `place`. The rows of a run lie together, in their order.
inline int64_t RowKey(uint64_t run, int64_t place) {
  constexpr int kPlaceBits = 40;
  return static_cast<int64_t>(run << kPlaceBits) + place;
}

// Runs and places below these have keys, and so has the end of the last run.
inline constexpr uint64_t kRunsEnd = (uint64_t{1} << 23) - 1;
inline constexpr int64_t kPlacesEnd = int64_t{1} << 40;

// Returns the place of a key of a run.
inline int64_t PlaceOf(int64_t key) { return key & (kPlacesEnd - 1); }

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SQLITE_ROW_KEY_H_
