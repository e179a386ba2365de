#include "server/runs/memory_run.h"

#include <algorithm>
#include <array>
#include <tuple>
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
      owner_(first.owner),
      class_count_(first.class_count),
      hard_threshold_(first.hard_threshold),
      create_time_(now),
      update_nanoseconds_(absl::ToUnixNanos(now)),
      requests_(most_request_ids),
      curve_(first.class_count) {}

absl::Status MemoryRun::CheckKind(const RunBatch& batch) const {
  if (batch.owner != owner_) {
    return absl::PermissionDeniedError(absl::StrCat("run '", name_, "' belongs to another token"));
  }
  if (batch.class_count != class_count_) {
    return absl::FailedPreconditionError(absl::StrCat("run '", name_, "' has batches of ",
                                                      class_count_, " classes, and this one has ",
                                                      batch.class_count));
  }
  if (batch.hard_threshold != hard_threshold_) {
    return absl::FailedPreconditionError(absl::StrCat("run '", name_, "' has the hard_threshold ",
                                                      hard_threshold_, ", and this batch has ",
                                                      batch.hard_threshold));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MemoryRun::Record(const RunBatch& batch, int64_t most_bytes,
                                          absl::Time now) {
  absl::Status fits = CheckKind(batch);
  if (!fits.ok()) return fits;
  const RequestHash request = HashRequest(batch.request_id);
  const MutexLock lock(&mutex_);
  if (gone_) return absl::AbortedError("the run was let go");
  if (requests_.Has(request)) return 0;
  const int64_t step = batch.step.value_or(batch_count_);
  absl::Status reserved = Reserve(batch, step, most_bytes);
  if (!reserved.ok()) return reserved;

  Add(batch, step);
  requests_.Add(request);
  first_step_ = batch_count_ == 0 ? step : std::min(first_step_, step);
  last_step_ = batch_count_ == 0 ? step : std::max(last_step_, step);
  ++batch_count_;
  update_nanoseconds_ = absl::ToUnixNanos(now);
  const int64_t bytes = BytesWith(0);
  return bytes - bytes_.exchange(bytes);
}

int64_t MemoryRun::BytesWith(int64_t more_samples) const {
  return static_cast<int64_t>(sizeof(MemoryRun) + name_.capacity() + owner_.capacity()) +
         samples_.BytesWith(more_samples) + requests_.bytes() + curve_.bytes();
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
  const int64_t beside = requests_.BytesWithOne() - requests_.bytes() + curve_.BytesOfBin();
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
  curve_.Reserve(step);
  return absl::OkStatus();
}

void MemoryRun::Count(const SampleRecord& record, int64_t change) {
  map_[static_cast<size_t>(record.cell())] += change;
  if (!record.learned()) return;
  learned_count_ += change;
  constexpr int64_t kLast = std::tuple_size_v<ForgettingHistogram> - 1;
  forgetting_[static_cast<size_t>(std::min(record.forgetting_events(), kLast))] += change;
}

Turn MemoryRun::Present(const Presentation& presentation, int64_t step, SampleRecord& record) {
  if (record.presentations() > 0) Count(record, -1);
  const Turn turn = record.Add(presentation, step, hard_threshold_);
  Count(record, 1);
  return turn;
}

void MemoryRun::Add(const RunBatch& batch, int64_t step) {
  BatchTally tally(class_count_);
  ForEachBlockOf(batch, [&](absl::Span<const Presentation> block) {
    Ids ids;
    SampleTable::Found found;
    samples_.FindOrAdd(FiniteIds(block, ids), found);
    size_t next = 0;
    for (const Presentation& one : block) {
      if (!one.finite()) {
        ++non_finite_count_;
        continue;
      }
      SampleRecord& record = *found[next++];
      const Turn turn = Present(one, step, record);
      tally.Add(one, turn, hard_threshold_, batch.epoch.value_or(record.presentations()));
    }
  });
  presentation_count_ += tally.turns().presentations;
  curve_.Add(step, batch.learning_rate, tally.turns(), tally.TakeClasses());
}

Run MemoryRun::SummaryLocked() const {
  Run run;
  run.name = name_;
  run.owner = owner_;
  run.create_time = create_time_;
  run.update_time = update_time();
  run.first_step = first_step_;
  run.last_step = last_step_;
  run.sample_count = samples_.size();
  run.presentation_count = presentation_count_;
  run.non_finite_count = non_finite_count_;
  run.never_learned_count = samples_.size() - learned_count_;
  run.hard_threshold = hard_threshold_;
  run.map = map_;
  run.forgetting = forgetting_;
  return run;
}

RunVersion MemoryRun::version() const {
  const MutexLock lock(&mutex_);
  return {create_time_, batch_count_};
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
    run.points = curve_.Points(RunCurve::kMostPoints);
    asked_for = curve_.Points(most_points);
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
  gone_ = gone_ || batch_count_ == 0;
  return batch_count_ == 0;
}

}  // namespace lossd::runs
