#include "server/runs/memory_store.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace lossd::runs {
namespace {

constexpr absl::Duration kSweepInterval = absl::Seconds(1);

absl::Status NoSuchRun(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("there is no run '", name, "'"));
}

// Does not keep a run that the store lets go, however long its client takes to read.
class MemoryReader final : public SampleReader {
 public:
  MemoryReader(absl::string_view name, std::weak_ptr<const MemoryRun> run)
      : name_(name), run_(std::move(run)) {}

  absl::StatusOr<std::vector<RunSample>> Read(int64_t limit) override {
    const std::shared_ptr<const MemoryRun> run = run_.lock();
    if (run == nullptr) return NoSuchRun(name_);
    std::vector<RunSample> samples = run->Read(next_, limit);
    next_ += static_cast<int64_t>(samples.size());
    return samples;
  }

 private:
  const std::string name_;
  const std::weak_ptr<const MemoryRun> run_;
  int64_t next_ = 0;
};

}  // namespace

MemoryStore::MemoryStore(MemoryStoreOptions options) : options_(std::move(options)) {}

absl::Status MemoryStore::Record(const RunBatch& batch) {
  const absl::Time now = options_.now();
  while (true) {
    const RunPtr run = FindOrMake(batch, now);
    absl::Status recorded = RecordIn(*run, batch, now);
    if (absl::IsAborted(recorded)) continue;  // It was let go meanwhile: it begins anew.
    if (!recorded.ok()) RemoveIfNew(*run);
    return recorded;
  }
}

absl::Status MemoryStore::RecordIn(MemoryRun& run, const RunBatch& batch, absl::Time now) {
  while (true) {
    const int64_t others = bytes_ - run.bytes();
    const absl::StatusOr<int64_t> growth = run.Record(batch, options_.max_bytes - others, now);
    if (growth.ok()) {
      bytes_ += *growth;
      return absl::OkStatus();
    }
    const bool wants_room = absl::IsResourceExhausted(growth.status());
    if (!wants_room || !run.Fits(batch, options_.max_bytes)) return growth.status();
    if (!LetOldestGo(run)) return growth.status();
  }
}

MemoryStore::RunPtr MemoryStore::FindOrMake(const RunBatch& batch, absl::Time now) {
  LetOldGo(now);
  const MutexLock lock(&mutex_);
  auto run = runs_.find(batch.run);
  if (run == runs_.end()) {
    auto made = std::make_shared<MemoryRun>(batch, options_.request_ids, now);
    run = runs_.emplace(std::string(batch.run), std::move(made)).first;
  }
  return run->second;
}

absl::StatusOr<MemoryStore::RunPtr> MemoryStore::Find(absl::string_view name,
                                                      const RunViewer& viewer) {
  const absl::Time now = options_.now();
  LetOldGo(now);
  const MutexLock lock(&mutex_);
  const auto run = runs_.find(name);
  if (run == runs_.end() || !viewer.Sees(run->second->owner())) return NoSuchRun(name);
  return run->second;
}

bool MemoryStore::LetOldestGo(const MemoryRun& kept) {
  RunPtr gone;
  {
    const MutexLock lock(&mutex_);
    auto oldest = runs_.end();
    for (auto run = runs_.begin(); run != runs_.end(); ++run) {
      if (run->second.get() == &kept) continue;
      if (oldest == runs_.end() || run->second->update_time() < oldest->second->update_time()) {
        oldest = run;
      }
    }
    if (oldest == runs_.end()) return false;
    gone = std::move(oldest->second);
    runs_.erase(oldest);
    ++dropped_runs_;
  }
  LetGo(*gone);
  return true;
}

void MemoryStore::LetOldGo(absl::Time now) {
  std::vector<RunPtr> gone;
  {
    const MutexLock lock(&mutex_);
    if (now < next_sweep_) return;
    next_sweep_ = now + kSweepInterval;
    for (auto run = runs_.begin(); run != runs_.end();) {
      const auto next = std::next(run);
      if (now - run->second->update_time() > options_.max_age) {
        gone.push_back(std::move(run->second));
        runs_.erase(run);
        ++dropped_runs_;
      }
      run = next;
    }
  }
  for (const RunPtr& run : gone) LetGo(*run);
}

void MemoryStore::LetGo(MemoryRun& run) { bytes_ -= run.LetGo(); }

void MemoryStore::RemoveIfNew(MemoryRun& run) {
  if (!run.LetGoIfNew()) return;
  const MutexLock lock(&mutex_);
  const auto place = runs_.find(run.name());
  if (place != runs_.end() && place->second.get() == &run) runs_.erase(place);
}

absl::StatusOr<Run> MemoryStore::Get(absl::string_view name, const RunViewer& viewer,
                                     int64_t most_points) {
  const auto run = Find(name, viewer);
  if (!run.ok()) return run.status();
  return (*run)->WithPoints(most_points);
}

absl::StatusOr<RunVersion> MemoryStore::GetVersion(absl::string_view name,
                                                   const RunViewer& viewer) {
  const auto run = Find(name, viewer);
  if (!run.ok()) return run.status();
  return (*run)->version();
}

absl::StatusOr<std::vector<Run>> MemoryStore::List(const RunViewer& viewer, absl::string_view after,
                                                   int64_t limit) {
  std::vector<RunPtr> found;
  {
    LetOldGo(options_.now());
    const MutexLock lock(&mutex_);
    for (auto run = runs_.upper_bound(after);
         run != runs_.end() && static_cast<int64_t>(found.size()) < limit; ++run) {
      if (viewer.Sees(run->second->owner())) found.push_back(run->second);
    }
  }
  std::vector<Run> runs;
  runs.reserve(found.size());
  for (const RunPtr& run : found) runs.push_back(run->Summary());
  return runs;
}

absl::Status MemoryStore::Delete(absl::string_view name, const RunViewer& viewer) {
  RunPtr gone;
  {
    const MutexLock lock(&mutex_);
    const auto run = runs_.find(name);
    if (run == runs_.end() || !viewer.Sees(run->second->owner())) return NoSuchRun(name);
    gone = std::move(run->second);
    runs_.erase(run);
  }
  LetGo(*gone);
  return absl::OkStatus();
}

absl::StatusOr<SamplePage> MemoryStore::ListSamples(absl::string_view name, const RunViewer& viewer,
                                                    const SampleQuery& query) {
  const auto run = Find(name, viewer);
  if (!run.ok()) return run.status();
  return (*run)->Select(query);
}

absl::StatusOr<std::unique_ptr<SampleReader>> MemoryStore::OpenSamples(absl::string_view name,
                                                                       const RunViewer& viewer) {
  const auto run = Find(name, viewer);
  if (!run.ok()) return run.status();
  return std::make_unique<MemoryReader>(name, *run);
}

StoreUse MemoryStore::use() const {
  const MutexLock lock(&mutex_);
  return {static_cast<int64_t>(runs_.size()), bytes_, dropped_runs_};
}

}  // namespace lossd::runs
