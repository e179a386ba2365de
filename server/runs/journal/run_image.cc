#include "server/runs/journal/run_image.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/runs/batch_tally.h"
#include "server/runs/byte_reader.h"
#include "server/runs/byte_writer.h"

namespace lossd::runs {
namespace {

constexpr uint8_t kStateFormat = 1;

// What a state takes with few classes.
constexpr int64_t kStateBytes = 16 << 10;

// Memory for so many samples is taken before it is known that they are new.
constexpr int64_t kMostSpare = int64_t{1} << 16;

int64_t CountBlocks(const CodedBatch& batch) {
  constexpr size_t kBlock = SampleTable::kBlock;
  return static_cast<int64_t>((batch.presentations.size() + kBlock - 1) / kBlock);
}

absl::Span<const Presentation> BlockOf(const CodedBatch& batch, int64_t block) {
  constexpr size_t kBlock = SampleTable::kBlock;
  return absl::MakeConstSpan(batch.presentations)
      .subspan(static_cast<size_t>(block) * kBlock, kBlock);
}

absl::Status Damaged(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the snapshot of a run is damaged: ", what));
}

}  // namespace

RunImage::RunImage(const RunKind& kind, int64_t trimmed)
    : kind_(kind), number_(trimmed), totals_(kind.class_count, kind.hard_threshold) {}

int64_t RunImage::ChunkCount() const {
  return (samples_.size() + SampleTable::kChunk - 1) / SampleTable::kChunk;
}

absl::Status RunImage::ReadState(absl::string_view state) {
  if (state.empty()) {
    return number_ == 0 && chunk_numbers_.empty() ? absl::OkStatus() : Damaged("it has no state");
  }
  ByteReader reader(state);
  if (reader.Read<uint8_t>() != kStateFormat) return Damaged("its state has another format");
  if (!totals_.ReadFrom(reader) || !reader.AtEnd()) return Damaged("its state");
  const bool is_newest =
      std::all_of(chunk_numbers_.begin(), chunk_numbers_.end(),
                  [&](int64_t number) { return number <= totals_.batch_count(); });
  return is_newest ? absl::OkStatus() : Damaged("its state is old");
}

absl::StatusOr<Run> RunImage::SummaryOf(const RunKind& kind, absl::string_view state) {
  ByteReader reader(state);
  if (reader.Read<uint8_t>() != kStateFormat) return Damaged("its state has another format");
  RunTotals totals(kind.class_count, kind.hard_threshold);
  if (!totals.ReadSummaryFrom(reader)) return Damaged("its state");
  return totals.Summary();
}

absl::Status RunImage::ReadChunk(const RecordChunk& chunk) {
  const size_t count = chunk.records.size() / SampleRecord::kBytes;
  if (chunk.index != static_cast<int64_t>(chunk_numbers_.size()) || count == 0 ||
      count > SampleTable::kChunk || chunk.records.size() % SampleRecord::kBytes != 0) {
    return Damaged(absl::StrCat("chunk ", chunk.index));
  }
  absl::string_view rest = chunk.records;
  for (SampleRecord& record : samples_.Put(chunk.index, static_cast<int64_t>(count))) {
    if (!record.ReadFrom(rest.substr(0, SampleRecord::kBytes))) {
      return Damaged(absl::StrCat("chunk ", chunk.index));
    }
    rest.remove_prefix(SampleRecord::kBytes);
  }
  chunk_numbers_.push_back(chunk.number);
  changed_.push_back(false);
  return absl::OkStatus();
}

int64_t RunImage::CountMissing(const CodedBatch& batch) {
  samples_.Reserve(0);
  return samples_.CountMissing(batch.presentations);
}

void RunImage::Reserve(const CodedBatch& batch) {
  auto more = static_cast<int64_t>(batch.presentations.size());
  if (more > kMostSpare) more = CountMissing(batch);
  samples_.Reserve(more);
  // One chunk more than there will be at most.
  changed_.resize(static_cast<size_t>(ChunkCount() + more / SampleTable::kChunk + 1));
}

absl::Status RunImage::Add(const JournaledBatch& batch) {
  if (batch.number != number_ + 1) {
    return absl::DataLossError(absl::StrCat("batch ", number_ + 1, " of a run is missing"));
  }
  const auto coded = DecodeBatch(batch.bytes);
  if (!coded.ok()) return coded.status();
  const bool fits = std::all_of(coded->presentations.begin(), coded->presentations.end(),
                                [&](const Presentation& one) {
                                  return one.class_id >= 0 && one.class_id < kind_.class_count;
                                });
  if (!fits) return absl::DataLossError("a batch of the journal has a class that its run has not");
  const int64_t step = coded->step.value_or(number_);
  Reserve(*coded);
  if (batch.number <= totals_.batch_count()) {
    AddToOldChunks(*coded, step);
  } else {
    if (!Has(number_)) return Damaged("its samples are not those of its state");
    Add(*coded, step);
  }
  number_ = batch.number;
  return absl::OkStatus();
}

template <typename F>
void RunImage::ForEachBlockOf(const CodedBatch& batch, F f) {
  samples_.FindOrAddBlocks(
      CountBlocks(batch),
      [&](int64_t i, absl::Span<Presentation> /*memory*/) { return BlockOf(batch, i); }, f);
}

void RunImage::Add(const CodedBatch& batch, int64_t step) {
  BatchTally tally(kind_.class_count);
  totals_.Reserve(step);
  ForEachBlockOf(batch, [&](absl::Span<const Presentation> block, const SampleTable::Found& found) {
    for (size_t i = 0; i < block.size(); ++i) {
      SampleRecord& record = *found.records[i];
      changed_[SampleTable::ChunkOf(found.positions[i])] = true;
      const Turn turn = totals_.Present(block[i], step, record);
      tally.Add(block[i], turn, kind_.hard_threshold, batch.epoch.value_or(record.presentations()));
    }
  });
  totals_.AddBatch(step, batch.learning_rate, batch.non_finite, tally);
}

void RunImage::AddToOldChunks(const CodedBatch& batch, int64_t step) {
  ForEachBlockOf(batch, [&](absl::Span<const Presentation> block, const SampleTable::Found& found) {
    for (size_t i = 0; i < block.size(); ++i) {
      const size_t chunk = SampleTable::ChunkOf(found.positions[i]);
      if (chunk < chunk_numbers_.size() && chunk_numbers_[chunk] > number_) continue;
      changed_[chunk] = true;
      found.records[i]->Add(block[i], step, kind_.hard_threshold);
    }
  });
}

bool RunImage::Has(int64_t number) const {
  return number_ >= number && number_ >= totals_.batch_count() && samples_.IsDense() &&
         samples_.size() == totals_.sample_count();
}

SnapshotPart RunImage::TakePart(int64_t& begin, int64_t most_bytes) {
  SnapshotPart part;
  part.number = number_;
  ByteWriter state(part.state);
  state.Add(kStateFormat);
  totals_.AppendTo(state);
  int64_t bytes = 0;
  const int64_t chunks = ChunkCount();
  for (; begin < chunks && bytes < most_bytes; ++begin) {
    if (!changed_[static_cast<size_t>(begin)]) continue;
    changed_[static_cast<size_t>(begin)] = false;
    RecordChunk chunk = {begin, number_, {}};
    const int64_t first = begin * SampleTable::kChunk;
    const int64_t count = std::min<int64_t>(SampleTable::kChunk, samples_.size() - first);
    chunk.records.resize(static_cast<size_t>(count) * SampleRecord::kBytes);
    for (int64_t i = 0; i < count; ++i) {
      samples_[first + i].CopyTo(&chunk.records[static_cast<size_t>(i) * SampleRecord::kBytes]);
    }
    bytes += static_cast<int64_t>(chunk.records.size());
    part.chunks.push_back(std::move(chunk));
  }
  const int64_t more_state = static_cast<int64_t>(part.state.size()) - kStateBytes;
  part.folded_bytes = BytesOfSamples(samples_.size()) + std::max<int64_t>(0, more_state);
  return part;
}

void RunImage::PutBack(const SnapshotPart& part) {
  for (const RecordChunk& chunk : part.chunks) {
    const auto index = static_cast<size_t>(chunk.index);
    if (index < changed_.size()) changed_[index] = true;
  }
}

int64_t RunImage::BytesOfSamples(int64_t count) {
  return kStateBytes + count * static_cast<int64_t>(SampleRecord::kBytes);
}

}  // namespace lossd::runs
