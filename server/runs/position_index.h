#ifndef LOSSD_SERVER_RUNS_POSITION_INDEX_H_
#define LOSSD_SERVER_RUNS_POSITION_INDEX_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace lossd::runs {

// Finds things that lie in an array by their hashes, in 5 to 10 bytes for each: where they lie,
// and as much of the hash as there are bits left. The things' owner compares them, and hardly ever
// one for nothing. Open addressing with linear probing.
class PositionIndex {
 public:
  static constexpr uint32_t kMostPositions = UINT32_MAX - 1;

  // Takes memory for the positions up to `count`; finds and insertions of these take none then.
  // `hash_at(position)` is the hash of what lies there.
  template <typename HashAt>
  void Reserve(size_t count, HashAt hash_at) {
    const size_t capacity = CapacityFor(count);
    if (capacity == slots_.size()) return;
    std::vector<uint32_t> old(capacity);
    old.swap(slots_);
    const uint32_t old_places = std::exchange(places_, static_cast<uint32_t>(capacity - 1));
    // A block at a time: neither the things nor the new slots are in a cache, and are fetched side
    // by side.
    constexpr size_t kBlock = 64;
    std::array<uint32_t, kBlock> positions;
    std::array<size_t, kBlock> hashes;
    for (size_t begin = 0; begin < old.size(); begin += kBlock) {
      size_t some = 0;
      for (size_t i = begin; i < std::min(begin + kBlock, old.size()); ++i) {
        if (old[i] != kEmpty) positions[some++] = (old[i] & old_places) - 1;
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
    return Find(hash, [](uint32_t) { return true; });
  }

  // Returns the position of that hash for which `is_it(position)`; kMostPositions if there is none.
  template <typename IsIt>
  uint32_t Find(size_t hash, IsIt is_it) const {
    if (slots_.empty()) return kMostPositions;
    const uint32_t tag = TagOf(hash);
    for (size_t i = hash & mask(); slots_[i] != kEmpty; i = (i + 1) & mask()) {
      if (((slots_[i] ^ tag) & ~places_) != 0) continue;
      const uint32_t position = (slots_[i] & places_) - 1;
      if (is_it(position)) return position;
    }
    return kMostPositions;
  }

  // Adds a position that is not there. Memory must have been reserved for it.
  void Insert(size_t hash, uint32_t position) {
    size_t i = hash & mask();
    while (slots_[i] != kEmpty) i = (i + 1) & mask();
    slots_[i] = TagOf(hash) | (position + 1);
  }

  // Removes a position of that hash, which must be there.
  template <typename HashAt>
  void Remove(size_t hash, uint32_t position, HashAt hash_at) {
    size_t hole = hash & mask();
    while ((slots_[hole] & places_) != position + 1) hole = (hole + 1) & mask();
    // What comes behind it moves up, unless that would put it before where its search begins.
    for (size_t i = (hole + 1) & mask(); slots_[i] != kEmpty; i = (i + 1) & mask()) {
      const size_t home = hash_at((slots_[i] & places_) - 1) & mask();
      if (((i - home) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = kEmpty;
  }

  int64_t bytes() const { return BytesOf(slots_.size()); }

  // Returns what the index takes once `count` positions are reserved.
  int64_t BytesWith(size_t count) const { return BytesOf(CapacityFor(count)); }

 private:
  static constexpr uint32_t kEmpty = 0;
  static constexpr size_t kLeastSlots = 64;

  static size_t MostOf(size_t capacity) { return capacity / 8 * 7; }
  static int64_t BytesOf(size_t capacity) {
    return static_cast<int64_t>(capacity * sizeof(uint32_t));
  }
  size_t CapacityFor(size_t count) const {
    size_t capacity = slots_.empty() ? kLeastSlots : slots_.size();
    while (count > MostOf(capacity)) capacity *= 2;
    return capacity;
  }
  size_t mask() const { return slots_.size() - 1; }
  // Returns bits of the hash, other ones than those of its slot, above those of places.
  uint32_t TagOf(size_t hash) const {
    constexpr int kUpperHalf = 32;
    return static_cast<uint32_t>(hash >> kUpperHalf) & ~places_;
  }

  // A power of two, or none. Of a slot that is not empty the low bits are a position + 1, which is
  // less than the number of slots, and the others are of its hash.
  std::vector<uint32_t> slots_;
  uint32_t places_ = 0;  // the low bits
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_POSITION_INDEX_H_
