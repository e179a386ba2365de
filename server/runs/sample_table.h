#ifndef LOSSD_SERVER_RUNS_SAMPLE_TABLE_H_
#define LOSSD_SERVER_RUNS_SAMPLE_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/types/span.h"
#include "server/runs/position_index.h"
#include "server/runs/sample_record.h"

namespace lossd::runs {

// The records of a run's samples in the order in which they came, found by their ids. A record
// stays where it is. About 95 bytes a sample.
class SampleTable {
 public:
  static constexpr int64_t kMostSamples = PositionIndex::kMostPositions;

  // Takes memory for `more` samples beside those that there are.
  void Reserve(int64_t more);

  // Writes where the record of each id is, and makes those that are missing. Memory must have been
  // reserved for these. At most kBlock ids: they are looked up side by side, for most records of a
  // large run are in no cache.
  static constexpr size_t kBlock = 64;
  struct Found {
    std::array<SampleRecord*, kBlock> records;
    std::array<uint32_t, kBlock> positions;
  };
  void FindOrAdd(absl::Span<const int64_t> ids, Found& found);

  // Returns how many of at most kBlock ids have no record; one that comes twice may count twice.
  int64_t CountMissing(absl::Span<const int64_t> ids) const;

  // Puts the first records of a chunk where they were in another table, whose chunks are put in
  // their order. Memory must have been reserved for a whole chunk. Where a chunk is not full and
  // another follows, the places between are taken by the next records that are made.
  void Put(int64_t chunk, absl::Span<const SampleRecord> records);
  // Returns whether no place is left between records.
  bool IsDense() const { return holes_.empty(); }

  int64_t size() const { return size_; }
  const SampleRecord& operator[](int64_t position) const {
    return (*chunks_[ChunkOf(position)])[Place(position)];
  }

  int64_t bytes() const { return BytesWith(0); }
  // Returns what the table takes once `more` samples are reserved.
  int64_t BytesWith(int64_t more) const;

  static constexpr int64_t kChunk = 256;
  // Returns the chunk that holds a position.
  static size_t ChunkOf(int64_t position) { return static_cast<size_t>(position / kChunk); }

 private:
  using Records = std::array<SampleRecord, kChunk>;

  static size_t Place(int64_t position) { return static_cast<size_t>(position % kChunk); }
  static size_t HashOf(int64_t id) { return absl::Hash<int64_t>()(id); }
  size_t ChunksWith(int64_t more) const;
  // Returns where the next new record goes.
  uint32_t TakePlace();
  SampleRecord& At(uint32_t position) { return (*chunks_[ChunkOf(position)])[Place(position)]; }

  std::vector<std::unique_ptr<Records>> chunks_;
  int64_t size_ = 0;
  std::vector<uint32_t> holes_;  // descending
  PositionIndex index_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SAMPLE_TABLE_H_
