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
}

void SampleTable::FindOrAdd(absl::Span<const int64_t> ids, Found& found) {
  std::array<size_t, kBlock> hashes;
  for (size_t i = 0; i < ids.size(); ++i) {
    hashes[i] = HashOf(ids[i]);
    index_.Prefetch(hashes[i]);
  }
  constexpr size_t kCacheLine = 64;
  for (size_t i = 0; i < ids.size(); ++i) {
    const uint32_t guess = index_.Guess(hashes[i]);
    if (guess == PositionIndex::kMostPositions) continue;
    const auto* const first = reinterpret_cast<const char*>(&(*this)[guess]);
    __builtin_prefetch(first);
    __builtin_prefetch(first + kCacheLine);
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    uint32_t position = index_.Find(
        hashes[i], [&](uint32_t candidate) { return (*this)[candidate].id() == ids[i]; });
    if (position == PositionIndex::kMostPositions) {
      position = TakePlace();
      At(position) = SampleRecord(ids[i]);
      index_.Insert(hashes[i], position);
    }
    found.records[i] = &At(position);
    found.positions[i] = position;
  }
}

uint32_t SampleTable::TakePlace() {
  if (holes_.empty()) return static_cast<uint32_t>(size_++);
  const uint32_t position = holes_.back();
  holes_.pop_back();
  return position;
}

void SampleTable::Put(int64_t chunk, absl::Span<const SampleRecord> records) {
  std::vector<uint32_t> holes;
  for (int64_t hole = chunk * kChunk - 1; hole >= size_; --hole) {
    holes.push_back(static_cast<uint32_t>(hole));
  }
  holes_.insert(holes_.begin(), holes.begin(), holes.end());
  size_ = chunk * kChunk;
  for (const SampleRecord& record : records) index_.Prefetch(HashOf(record.id()));
  for (const SampleRecord& record : records) {
    const auto position = static_cast<uint32_t>(size_++);
    At(position) = record;
    index_.Insert(HashOf(record.id()), position);
  }
}

int64_t SampleTable::CountMissing(absl::Span<const int64_t> ids) const {
  int64_t missing = 0;
  for (const int64_t id : ids) {
    const uint32_t position =
        index_.Find(HashOf(id), [&](uint32_t candidate) { return (*this)[candidate].id() == id; });
    missing += position == PositionIndex::kMostPositions ? 1 : 0;
  }
  return missing;
}

}  // namespace lossd::runs
