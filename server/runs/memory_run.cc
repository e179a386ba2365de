#include "server/runs/memory_run.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/runs/batch_tally.h"
#include "server/runs/run_findings.h"

namespace lossd::runs {
namespace {

constexpr auto kBlock = static_cast<int64_t>(SampleTable::kBlock);

int64_t CountBlocks(const RunBatch& batch) { return (batch.sample_count + kBlock - 1) / kBlock; }

// Reads a block of a batch, and returns what is finite of it and not ignored. Adds what is not
// finite to `non_finite`.
absl::Span<const Presentation> ReadFinite(const RunBatch& batch, int64_t block,
                                          absl::Span<Presentation> memory, int64_t& non_finite) {
  const int64_t begin = block * kBlock;
  const absl::Span<Presentation> read =
      memory.first(static_cast<size_t>(std::min(kBlock, batch.sample_count - begin)));
  batch.read(begin, read);
  size_t kept = 0;
  for (size_t i = 0; i < read.size(); ++i) {
    if (read[i].ignored) continue;
    if (!read[i].finite()) {
      ++non_finite;
      continue;
    }
    if (kept != i) read[kept] = read[i];
    ++kept;
  }
  return read.first(kept);
}

// How many samples are looked at before others have the run.
constexpr int64_t kAtOnce = int64_t{1} << 14;

// Memory for so many samples is taken before it is known that they are new.
constexpr int64_t kMostSpare = int64_t{1} << 16;

}  // namespace

MemoryRun::MemoryRun(const RunBatch& first, int64_t most_request_ids, absl::Time now)
    : name_(first.run),
      kind_(KindOf(first)),
      create_time_(now),
      update_nanoseconds_(absl::ToUnixNanos(now)),
      requests_(most_request_ids),
      totals_(first.class_count, first.hard_threshold) {}

absl::StatusOr<int64_t> MemoryRun::Record(const RunBatch& batch, int64_t most_bytes,
                                          absl::Time now) {
  absl::Status fits = CheckKind(name_, KindOf(batch), kind_);
  if (!fits.ok()) return fits;
  const RequestHash request = HashRequest(batch.request_id);
  const MutexLock lock(&mutex_);
  if (gone_) return absl::AbortedError("the run was let go");
  if (requests_.Has(request)) return 0;
  const int64_t step = batch.step.value_or(totals_.batch_count());
  absl::Status reserved = Reserve(batch, step, most_bytes);
  if (!reserved.ok()) return reserved;

  Add(batch, step);
  requests_.Add(request);
  update_nanoseconds_ = absl::ToUnixNanos(now);
  const int64_t bytes = BytesWith(0);
  return bytes - bytes_.exchange(bytes);
}

int64_t MemoryRun::BytesWith(int64_t more_samples) const {
  return static_cast<int64_t>(sizeof(MemoryRun) + name_.capacity() + kind_.owner.capacity()) +
         samples_.BytesWith(more_samples) + requests_.bytes() + totals_.bytes();
}

int64_t MemoryRun::CountMissing(const RunBatch& batch) const {
  int64_t missing = 0;
  int64_t non_finite = 0;
  std::array<Presentation, SampleTable::kBlock> memory;
  for (int64_t i = 0; i < CountBlocks(batch); ++i) {
    missing += samples_.CountMissing(ReadFinite(batch, i, absl::MakeSpan(memory), non_finite));
  }
  return missing;
}

bool MemoryRun::HasRoom(int64_t more_samples, int64_t most_bytes) const {
  const int64_t beside = requests_.BytesWithOne() - requests_.bytes() + totals_.BytesOfBatch();
  return samples_.size() + more_samples <= SampleTable::kMostSamples &&
         BytesWith(more_samples) + beside <= most_bytes;
}

bool MemoryRun::Fits(const RunBatch& batch, int64_t most_bytes) const {
  const MutexLock lock(&mutex_);
  return HasRoom(CountMissing(batch), most_bytes);
}

absl::Status MemoryRun::Reserve(const RunBatch& batch, int64_t step, int64_t most_bytes) {
  int64_t more = batch.sample_count;
  // Nearly always there is room for as many samples as the batch has, and none is looked up.
  if (more > kMostSpare || !HasRoom(more, most_bytes)) more = CountMissing(batch);
  if (!HasRoom(more, most_bytes)) {
    return absl::ResourceExhaustedError(absl::StrCat("run '", name_, "' of ", samples_.size(),
                                                     " samples has no room for ", more, " more"));
  }
  samples_.Reserve(more);
  requests_.ReserveOne();
  totals_.Reserve(step);
  return absl::OkStatus();
}

void MemoryRun::Add(const RunBatch& batch, int64_t step) {
  BatchTally tally(kind_.class_count);
  int64_t non_finite = 0;
  samples_.FindOrAddBlocks(
      CountBlocks(batch),
      [&](int64_t i, absl::Span<Presentation> memory) {
        return ReadFinite(batch, i, memory, non_finite);
      },
      [&](absl::Span<const Presentation> block, const SampleTable::Found& found) {
        for (size_t i = 0; i < block.size(); ++i) {
          SampleRecord& record = *found.records[i];
          const Turn turn = totals_.Present(block[i], step, record);
          tally.Add(block[i], turn, kind_.hard_threshold,
                    batch.epoch.value_or(record.presentations()));
        }
      });
  totals_.AddBatch(step, batch.learning_rate, non_finite, tally);
}

Run MemoryRun::SummaryLocked() const {
  Run run = totals_.Summary();
  run.name = name_;
  run.owner = kind_.owner;
  run.create_time = create_time_;
  run.update_time = update_time();
  return run;
}

RunVersion MemoryRun::version() const {
  const MutexLock lock(&mutex_);
  return {create_time_, totals_.batch_count()};
}

Run MemoryRun::Summary() const {
  const MutexLock lock(&mutex_);
  return SummaryLocked();
}

Run MemoryRun::WithPoints(int64_t most_points) const {
  Run run;
  std::vector<RunPoint> asked_for;
  {
    const MutexLock lock(&mutex_);
    run = SummaryLocked();
    run.points = totals_.Points(RunCurve::kMostPoints);
    asked_for = totals_.Points(most_points);
  }
  // They do not depend on how many points are asked for.
  run.findings = FindingsOf(run);
  run.points = std::move(asked_for);
  return run;
}

SamplePage MemoryRun::Select(const SampleQuery& query) const {
  SampleSelection selection(query);
  for (int64_t begin = 0;; begin += kAtOnce) {
    const MutexLock lock(&mutex_);
    const int64_t end = std::min(begin + kAtOnce, samples_.size());
    for (int64_t i = begin; i < end; ++i) selection.Show(samples_[i]);
    if (end == samples_.size()) break;
  }
  return selection.TakePage();
}

std::vector<RunSample> MemoryRun::Read(int64_t begin, int64_t limit) const {
  std::vector<RunSample> samples;
  const MutexLock lock(&mutex_);
  const int64_t end = std::min(begin + limit, samples_.size());
  if (begin >= end) return samples;
  samples.reserve(static_cast<size_t>(end - begin));
  for (int64_t i = begin; i < end; ++i) samples.push_back(samples_[i].ToSample());
  return samples;
}

int64_t MemoryRun::LetGo() {
  const MutexLock lock(&mutex_);
  gone_ = true;
  return bytes_;
}

bool MemoryRun::LetGoIfNew() {
  const MutexLock lock(&mutex_);
  const bool is_new = totals_.batch_count() == 0;
  gone_ = gone_ || is_new;
  return is_new;
}

}  // namespace lossd::runs
