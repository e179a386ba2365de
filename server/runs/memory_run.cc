#include "server/runs/memory_run.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/runs/batch_tally.h"
#include "server/runs/run_findings.h"

namespace lossd::runs {
namespace {

// Calls f with all presentations of a batch that are not ignored, a block at a time.
template <typename F>
void ForEachBlockOf(const RunBatch& batch, F f) {
  std::array<Presentation, SampleTable::kBlock> read;
  constexpr auto kBlock = static_cast<int64_t>(SampleTable::kBlock);
  for (int64_t begin = 0; begin < batch.sample_count; begin += kBlock) {
    const auto size = static_cast<size_t>(std::min(kBlock, batch.sample_count - begin));
    batch.read(begin, absl::MakeSpan(read.data(), size));
    const auto end = std::remove_if(read.begin(), read.begin() + size,
                                    [](const Presentation& one) { return one.ignored; });
    f(absl::MakeConstSpan(read.data(), static_cast<size_t>(end - read.begin())));
  }
}

using Ids = std::array<int64_t, SampleTable::kBlock>;

// Writes the ids of those that are finite to `ids`, and returns them.
absl::Span<const int64_t> FiniteIds(absl::Span<const Presentation> block, Ids& ids) {
  size_t count = 0;
  for (const Presentation& one : block) {
    if (one.finite()) ids[count++] = one.id;
  }
  return absl::MakeConstSpan(ids.data(), count);
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
  ForEachBlockOf(batch, [&](absl::Span<const Presentation> block) {
    Ids ids;
    missing += samples_.CountMissing(FiniteIds(block, ids));
  });
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
  ForEachBlockOf(batch, [&](absl::Span<const Presentation> block) {
    Ids ids;
    SampleTable::Found found;
    samples_.FindOrAdd(FiniteIds(block, ids), found);
    size_t next = 0;
    for (const Presentation& one : block) {
      if (!one.finite()) {
        ++non_finite;
        continue;
      }
      SampleRecord& record = *found.records[next++];
      const Turn turn = totals_.Present(one, step, record);
      tally.Add(one, turn, kind_.hard_threshold, batch.epoch.value_or(record.presentations()));
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
