#include "server/runs/journal/run_view.h"

#include <algorithm>
#include <utility>

#include "server/runs/patience.h"

namespace lossd::runs {
namespace {

// How many samples are looked at before others have the run.
constexpr int64_t kAtOnce = int64_t{1} << 14;

// How many bytes of batches are read at once.
constexpr int64_t kBatchesAtOnce = int64_t{8} << 20;

// Another lossd may write a snapshot while this one reads it.
constexpr int kMostTries = 20;

absl::Status NotRead() { return absl::UnavailableError("the run could not be read"); }

}  // namespace

absl::Status RunView::CatchUp(const JournaledRun& run) {
  const MutexLock lock(&mutex_);
  JournaledRun now = run;
  for (int i = 0; i < kMostTries; ++i) {
    absl::Status read = CatchUpOnce(now);
    if (absl::IsAborted(read)) image_ = nullptr;
    bytes_ = image_ == nullptr ? 0 : image_->bytes();
    if (!absl::IsAborted(read)) return read;
    auto found = journal_.Find(run.name);
    if (!found.ok()) return found.status();
    now = *std::move(found);
  }
  return absl::UnavailableError("the run's snapshot is written all the time");
}

absl::Status RunView::CatchUpOnce(const JournaledRun& run) {
  if (run.id != run_id_) return absl::NotFoundError("the run is no more");
  if (image_ == nullptr || image_->number() < run.trimmed) {
    absl::Status loaded = Load(run);
    if (!loaded.ok()) return loaded;
  }
  return AddBatches(run);
}

absl::Status RunView::Load(const JournaledRun& run) {
  image_ = nullptr;
  // To its end, also for a call that does not wait for it: one that begins anew each time gets no
  // further than the last.
  const Patience keeps_on(nullptr);
  auto image = std::make_unique<RunImage>(run.kind, run.trimmed);
  absl::Status read =
      journal_.ReadChunks(run, [&](const RecordChunk& chunk) { return image->ReadChunk(chunk); });
  if (!read.ok()) return read;
  const auto state = journal_.ReadState(run, RunJournal::kWholeState);
  if (!state.ok()) return state.status();
  read = image->ReadState(*state);
  if (!read.ok()) return read;
  image_ = std::move(image);
  return absl::OkStatus();
}

absl::Status RunView::AddBatches(const JournaledRun& run) {
  const int64_t end = std::max(run.batch_count, image_->totals().batch_count());
  while (image_->number() < end) {
    if (Patience::IsOver()) return absl::CancelledError("nobody waits for it");
    const auto batches = journal_.ReadBatches(run, image_->number(), kBatchesAtOnce);
    if (!batches.ok()) return batches.status();
    if (batches->empty() || batches->front().number != image_->number() + 1) {
      return absl::AbortedError("its batches went meanwhile");
    }
    // An image to which a batch could not be added, or not all of it, is of no use.
    std::unique_ptr<RunImage> image = std::move(image_);
    for (const JournaledBatch& batch : *batches) {
      absl::Status added = image->Add(batch);
      if (!added.ok()) return added;
    }
    image_ = std::move(image);
  }
  if (image_->Has(run.batch_count)) return absl::OkStatus();
  image_ = nullptr;
  return absl::DataLossError("the snapshot of a run is damaged");
}

absl::StatusOr<RunTotals> RunView::Totals() const {
  const MutexLock lock(&mutex_);
  if (image_ == nullptr) return NotRead();
  return image_->totals();
}

absl::StatusOr<SamplePage> RunView::Select(const SampleQuery& query) const {
  SampleSelection selection(query);
  for (int64_t begin = 0;; begin += kAtOnce) {
    const MutexLock lock(&mutex_);
    if (image_ == nullptr) return NotRead();
    const int64_t size = image_->samples().size();
    const int64_t end = std::min(begin + kAtOnce, size);
    for (int64_t i = begin; i < end; ++i) selection.Show(image_->samples()[i]);
    if (end == size) return selection.TakePage();
  }
}

absl::StatusOr<std::vector<RunSample>> RunView::Read(int64_t begin, int64_t limit) const {
  std::vector<RunSample> samples;
  const MutexLock lock(&mutex_);
  if (image_ == nullptr) return NotRead();
  const int64_t end = std::min(begin + limit, image_->samples().size());
  for (int64_t i = begin; i < end; ++i) samples.push_back(image_->samples()[i].ToSample());
  return samples;
}

absl::StatusOr<int64_t> RunView::CountMissing(const CodedBatch& batch) const {
  const MutexLock lock(&mutex_);
  if (image_ == nullptr) return NotRead();
  return image_->CountMissing(batch);
}

absl::Status RunView::Fold(const JournaledRun& run, int64_t part_bytes,
                           const std::atomic<bool>& ending) {
  const MutexLock folding(&folding_);
  absl::Status read = CatchUp(run);
  if (!read.ok()) return read;
  int64_t begin = 0;
  int64_t end = 0;
  int64_t first_number = 0;
  do {
    if (ending) return absl::CancelledError("the store ends");
    if (Patience::IsOver()) return absl::CancelledError("nobody waits for it");
    SnapshotPart part;
    {
      const MutexLock lock(&mutex_);
      // It may have been read anew since, and not up to its end.
      if (image_ == nullptr || !image_->Has(run.batch_count)) return NotRead();
      if (begin == 0) first_number = image_->number();
      part = image_->TakePart(begin, part_bytes);
      end = (image_->samples().size() + SampleTable::kChunk - 1) / SampleTable::kChunk;
    }
    if (begin == end) part.trim = first_number;
    absl::Status written = journal_.Write(run, part);
    if (!written.ok()) {
      const MutexLock lock(&mutex_);
      if (image_ != nullptr) image_->PutBack(part);
      return written;
    }
  } while (begin < end);
  return absl::OkStatus();
}

}  // namespace lossd::runs
