#ifndef LOSSD_SERVER_RUNS_POSITION_INDEX_H_
#define LOSSD_SERVER_RUNS_POSITION_INDEX_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lossd::runs {

// Finds things that lie in an array by their hashes, in 5 to 10 bytes for each: where they lie, and
// nothing else. The things' owner compares them. Open addressing with linear probing.
class PositionIndex {
 public:
  static constexpr uint32_t kMostPositions = UINT32_MAX - 1;

  // Takes memory for `count` positions; finds and insertions take none then.
  // `hash_at(position)` is the hash of what lies there.
  template <typename HashAt>
  void Reserve(size_t count, HashAt hash_at) {
    size_t capacity = slots_.empty() ? kLeastSlots : slots_.size();
    while (count > MostOf(capacity)) capacity *= 2;
    if (capacity == slots_.size()) return;
    const std::vector<uint32_t> old = std::move(slots_);
    slots_ = std::vector<uint32_t>(capacity);
    // A block at a time: neither the things nor the new slots are in a cache, and are fetched side
    // by side.
    constexpr size_t kBlock = 64;
    std::array<uint32_t, kBlock> positions;
    std::array<size_t, kBlock> hashes;
    for (size_t begin = 0; begin < old.size(); begin += kBlock) {
      size_t some = 0;
      for (size_t i = begin; i < std::min(begin + kBlock, old.size()); ++i) {
        if (old[i] != kEmpty) positions[some++] = old[i] - 1;
      }
      for (size_t i = 0; i < some; ++i) {
        hashes[i] = hash_at(positions[i]);
        Prefetch(hashes[i]);
      }
      for (size_t i = 0; i < some; ++i) Insert(hashes[i], positions[i]);
    }
  }

  // Asks the CPU for what a Find() of `hash` reads first.
  void Prefetch(size_t hash) const { __builtin_prefetch(&slots_[hash & mask()]); }

  // Returns the first position that the index would compare with; kMostPositions if there is none.
  uint32_t Guess(size_t hash) const {
    const uint32_t slot = slots_[hash & mask()];
    return slot == kEmpty ? kMostPositions : slot - 1;
  }

  // Returns the position of that hash for which `is_it(position)`; kMostPositions if there is none.
  template <typename IsIt>
  uint32_t Find(size_t hash, IsIt is_it) const {
    if (slots_.empty()) return kMostPositions;
    for (size_t i = hash & mask(); slots_[i] != kEmpty; i = (i + 1) & mask()) {
      if (is_it(slots_[i] - 1)) return slots_[i] - 1;
    }
    return kMostPositions;
  }

  // Adds a position that is not there. Memory must have been reserved for it.
  void Insert(size_t hash, uint32_t position) {
    size_t i = hash & mask();
    while (slots_[i] != kEmpty) i = (i + 1) & mask();
    slots_[i] = position + 1;
  }

  // Removes a position of that hash, which must be there.
  template <typename HashAt>
  void Remove(size_t hash, uint32_t position, HashAt hash_at) {
    size_t hole = hash & mask();
    while (slots_[hole] != position + 1) hole = (hole + 1) & mask();
    // What comes behind it moves up, unless that would put it before where its search begins.
    for (size_t i = (hole + 1) & mask(); slots_[i] != kEmpty; i = (i + 1) & mask()) {
      const size_t home = hash_at(slots_[i] - 1) & mask();
      if (((i - home) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = kEmpty;
  }

  int64_t bytes() const { return BytesOf(slots_.size()); }

  // Returns what the index takes once `count` positions are reserved.
  int64_t BytesWith(size_t count) const {
    size_t capacity = slots_.empty() ? kLeastSlots : slots_.size();
    while (count > MostOf(capacity)) capacity *= 2;
    return BytesOf(capacity);
  }

 private:
  static constexpr uint32_t kEmpty = 0;  // else a slot is a position + 1
  static constexpr size_t kLeastSlots = 64;

  static size_t MostOf(size_t capacity) { return capacity / 8 * 7; }
  static int64_t BytesOf(size_t capacity) {
    return static_cast<int64_t>(capacity * sizeof(uint32_t));
  }
  size_t mask() const { return slots_.size() - 1; }

  std::vector<uint32_t> slots_;  // a power of two, or none
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_POSITION_INDEX_H_
