#ifndef LOSSD_SERVER_RUNS_SAMPLE_TABLE_H_
#define LOSSD_SERVER_RUNS_SAMPLE_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/types/span.h"
#include "server/runs/position_index.h"
#include "server/runs/presentation.h"
#include "server/runs/sample_record.h"

namespace lossd::runs {

// The records of a run's samples in the order in which they came, found by their ids. A record
// stays where it is. About 95 bytes a sample.
class SampleTable {
 public:
  static constexpr int64_t kMostSamples = PositionIndex::kMostPositions;

  // Takes memory for `more` samples beside those that there are.
  void Reserve(int64_t more);

  static constexpr size_t kBlock = 64;
  // Where the records of a block's presentations are.
  struct Found {
    std::array<SampleRecord*, kBlock> records;
    std::array<uint32_t, kBlock> positions;
  };

  // Calls show(block, found) with `block_count` blocks of presentations, one after the other, and
  // makes the records that are missing. Memory must have been reserved for these. A block is what
  // read(i, scratch) returns: at most kBlock presentations, which may lie in `scratch`. Most
  // records of a large run are in no cache: while a block is shown, those of the next are fetched.
  template <typename Read, typename Show>
  void FindOrAddBlocks(int64_t block_count, Read read, Show show) {
    constexpr int64_t kAhead = 2;
    std::array<Block, kAhead + 1> ring;
    const auto at = [&ring](int64_t i) -> Block& {
      return ring[static_cast<size_t>(i) % ring.size()];
    };
    for (int64_t i = 0; i < block_count + kAhead; ++i) {
      if (i < block_count) {
        Block& block = at(i);
        block.presentations = read(i, absl::MakeSpan(block.scratch));
        FetchSlots(block);
      }
      if (i >= 1 && i - 1 < block_count) FetchRecords(at(i - 1));
      if (i < kAhead) continue;
      Found found;
      FindOrAdd(at(i - kAhead), found);
      show(at(i - kAhead).presentations, std::as_const(found));
    }
  }

  // Returns how many presentations are of samples without a record; of one that comes twice both.
  int64_t CountMissing(absl::Span<const Presentation> presentations) const;

  // Returns memory for the first `count` records of a chunk, which are put where they were in
  // another table, whose chunks are put in their order; no other records are made meanwhile. They
  // are found by their ids once Reserve() was called. Where a chunk is not full and another
  // follows, the places between are taken by the next records that are made.
  absl::Span<SampleRecord> Put(int64_t chunk, int64_t count);
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
  struct Block {
    absl::Span<const Presentation> presentations;
    std::array<Presentation, kBlock> scratch;
    std::array<size_t, kBlock> hashes;
    std::array<uint32_t, kBlock> guesses;  // where the records are, nearly always
  };

  // Ask the CPU for what FindOrAdd() reads of the index, and then for the records.
  void FetchSlots(Block& block) const;
  void FetchRecords(Block& block) const;
  void FindOrAdd(const Block& block, Found& found);

  static size_t Place(int64_t position) { return static_cast<size_t>(position % kChunk); }
  static size_t HashOf(int64_t id) { return absl::Hash<int64_t>()(id); }
  size_t ChunksWith(int64_t more) const;
  // Adds the records that were put, and that the index does not have yet.
  void IndexPut();
  // Returns where the next new record goes.
  uint32_t TakePlace();
  SampleRecord& At(uint32_t position) { return (*chunks_[ChunkOf(position)])[Place(position)]; }

  std::vector<std::unique_ptr<Records>> chunks_;
  int64_t size_ = 0;
  std::vector<uint32_t> holes_;  // descending
  PositionIndex index_;
  int64_t indexed_ = 0;  // the index has all positions before this one but the holes
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_SAMPLE_TABLE_H_
