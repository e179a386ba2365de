#include "server/runs/sample_table.h"

#include <algorithm>

namespace lossd::runs {

size_t SampleTable::ChunksWith(int64_t more) const {
  return std::max(chunks_.size(), static_cast<size_t>((size_ + more + kChunk - 1) / kChunk));
}

int64_t SampleTable::BytesWith(int64_t more) const {
  constexpr auto kBytesOfChunk = static_cast<int64_t>(sizeof(Records) + sizeof(chunks_[0]));
  return static_cast<int64_t>(ChunksWith(more)) * kBytesOfChunk +
         index_.BytesWith(static_cast<size_t>(size_ + more));
}

void SampleTable::Reserve(int64_t more) {
  const size_t chunks = ChunksWith(more);
  while (chunks_.size() < chunks) chunks_.push_back(std::make_unique<Records>());
  index_.Reserve(static_cast<size_t>(size_ + more),
                 [this](uint32_t position) { return HashOf((*this)[position].id()); });
  if (indexed_ < size_) IndexPut();
}

void SampleTable::IndexPut() {
  // A block at a time, whose slots are fetched side by side.
  std::array<size_t, kBlock> hashes;
  auto hole = holes_.rbegin();
  for (; indexed_ < size_; indexed_ += static_cast<int64_t>(kBlock)) {
    const int64_t end = std::min(indexed_ + static_cast<int64_t>(kBlock), size_);
    for (int64_t i = indexed_; i < end; ++i) {
      size_t& hash = hashes[static_cast<size_t>(i - indexed_)];
      hash = HashOf((*this)[i].id());
      index_.Prefetch(hash);
    }
    for (int64_t i = indexed_; i < end; ++i) {
      const auto position = static_cast<uint32_t>(i);
      if (hole != holes_.rend() && *hole == position) {
        ++hole;
      } else {
        index_.Insert(hashes[static_cast<size_t>(i - indexed_)], position);
      }
    }
  }
  indexed_ = size_;
}

void SampleTable::FetchSlots(Block& block) const {
  for (size_t i = 0; i < block.presentations.size(); ++i) {
    block.hashes[i] = HashOf(block.presentations[i].id);
    index_.Prefetch(block.hashes[i]);
  }
}

void SampleTable::FetchRecords(Block& block) const {
  // It is longer than a cache line, and may lie in three.
  constexpr size_t kCacheLine = 64;
  for (size_t i = 0; i < block.presentations.size(); ++i) {
    const uint32_t guess = index_.Guess(block.hashes[i]);
    block.guesses[i] = guess;
    if (guess == PositionIndex::kMostPositions) continue;
    const auto* const first = reinterpret_cast<const char*>(&(*this)[guess]);
    __builtin_prefetch(first);
    __builtin_prefetch(first + kCacheLine);
    __builtin_prefetch(first + sizeof(SampleRecord) - 1);
  }
}

void SampleTable::FindOrAdd(const Block& block, Found& found) {
  for (size_t i = 0; i < block.presentations.size(); ++i) {
    const int64_t id = block.presentations[i].id;
    const auto is_it = [&](uint32_t candidate) { return (*this)[candidate].id() == id; };
    uint32_t position = block.guesses[i];
    if (position == PositionIndex::kMostPositions || !is_it(position)) {
      position = index_.Find(block.hashes[i], is_it);
    }
    if (position == PositionIndex::kMostPositions) {
      position = TakePlace();
      At(position) = SampleRecord(id);
      index_.Insert(block.hashes[i], position);
    }
    found.records[i] = &At(position);
    found.positions[i] = position;
  }
}

uint32_t SampleTable::TakePlace() {
  if (holes_.empty()) {
    ++indexed_;
    return static_cast<uint32_t>(size_++);
  }
  const uint32_t position = holes_.back();
  holes_.pop_back();
  return position;
}

absl::Span<SampleRecord> SampleTable::Put(int64_t chunk, int64_t count) {
  std::vector<uint32_t> holes;
  for (int64_t hole = chunk * kChunk - 1; hole >= size_; --hole) {
    holes.push_back(static_cast<uint32_t>(hole));
  }
  holes_.insert(holes_.begin(), holes.begin(), holes.end());
  while (static_cast<int64_t>(chunks_.size()) <= chunk) {
    chunks_.push_back(std::make_unique<Records>());
  }
  size_ = chunk * kChunk + count;
  return absl::MakeSpan(chunks_[static_cast<size_t>(chunk)]->data(), static_cast<size_t>(count));
}

int64_t SampleTable::CountMissing(absl::Span<const Presentation> presentations) const {
  int64_t missing = 0;
  for (const Presentation& one : presentations) {
    const uint32_t position = index_.Find(
        HashOf(one.id), [&](uint32_t candidate) { return (*this)[candidate].id() == one.id; });
    missing += position == PositionIndex::kMostPositions ? 1 : 0;
  }
  return missing;
}

}  // namespace lossd::runs
