#include "server/runs/journal/journaled_store.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/runs/patience.h"
#include "server/runs/run_findings.h"

namespace lossd::runs {
namespace {

// As long as a batch waits for those before it to be folded.
constexpr absl::Duration kLongestWait = absl::Seconds(30);
constexpr absl::Duration kLookEvery = absl::Milliseconds(50);

absl::Status NoSuchRun(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("there is no run '", name, "'"));
}

// The batches that an image does not have yet have at most about so many bytes: 40 ms of work.
constexpr int64_t kMostUnseenBytes = int64_t{8} << 20;

// A run whose snapshot has so many bytes is read whole where its newest batches are to be seen.
constexpr int64_t kSmallRunBytes = int64_t{4} << 20;

Run WithName(Run summary, const JournaledRun& run) {
  summary.name = run.name;
  summary.owner = run.kind.owner;
  summary.create_time = run.create_time;
  summary.update_time = run.update_time;
  return summary;
}

}  // namespace

// Does not keep an image that the store lets go, however long its client takes to read.
class JournaledStore::Reader final : public SampleReader {
 public:
  // The store must outlive the reader.
  Reader(JournaledStore& store, const JournaledRun& run)
      : store_(store), name_(run.name), run_id_(run.id) {}

  absl::StatusOr<std::vector<RunSample>> Read(int64_t limit) override {
    const auto run = store_.Find(name_, {});
    if (!run.ok()) return run.status();
    if (run->id != run_id_) return NoSuchRun(name_);
    const auto view = store_.See(*run);
    if (!view.ok()) return view.status();
    auto samples = (*view)->Read(next_, limit);
    if (samples.ok()) next_ += static_cast<int64_t>(samples->size());
    return samples;
  }

 private:
  JournaledStore& store_;
  const std::string name_;
  const uint64_t run_id_;
  int64_t next_ = 0;
};

JournaledStore::JournaledStore(std::unique_ptr<RunJournal> journal, JournaledStoreOptions options)
    : journal_(std::move(journal)), options_(std::move(options)) {
  constexpr std::chrono::milliseconds kTick(200);
  ticker_ = std::make_unique<Ticker>(kTick, [this] { TickSafely(); });
}

JournaledStore::~JournaledStore() {
  ending_ = true;
  ticker_ = nullptr;
}

absl::Status JournaledStore::Record(const RunBatch& batch) {
  absl::Status may = AwaitFolding(batch.run);
  if (!may.ok()) return may;
  const std::string bytes = EncodeBatch(batch);
  if (static_cast<int64_t>(bytes.size()) > journal_->most_batch_bytes()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a batch of ", batch.sample_count, " samples takes ", bytes.size(),
                     " bytes of ", options_.kind, ", which are at most ",
                     journal_->most_batch_bytes(), ": send smaller batches"));
  }
  may = MakeRoom(batch, bytes);
  if (!may.ok()) return may;
  const absl::Time now = options_.now();
  const auto waiting =
      journal_->Append({batch.run, KindOf(batch), HashRequest(batch.request_id), now, bytes});
  if (!waiting.ok()) return waiting.status();
  const auto size = static_cast<int64_t>(bytes.size());
  // Who looks at the run is not to wait until the image has caught up with all of them.
  if (NoteBatch(batch.run, now, *waiting, size)) SeeNewest(std::string(batch.run));
  return absl::OkStatus();
}

bool JournaledStore::NoteBatch(absl::string_view run, absl::Time now, int64_t waiting,
                               int64_t bytes) {
  const MutexLock lock(&mutex_);
  auto place = waiting_.find(run);
  if (place == waiting_.end()) place = waiting_.emplace(std::string(run), Waiting()).first;
  Waiting& noted = place->second;
  noted = {now, waiting, noted.unseen + bytes};
  if (!options_.keeps_current || noted.unseen <= kMostUnseenBytes) return false;
  const auto known = views_.find(run);
  return known != views_.end() && known->second.view->bytes() > 0;
}

bool JournaledStore::HasTooManyWaiting(absl::string_view run) const {
  const MutexLock lock(&mutex_);
  const auto waiting = waiting_.find(run);
  if (waiting == waiting_.end()) return false;
  constexpr int64_t kMargin = int64_t{64} << 20;
  return waiting->second.bytes > 2 * FoldBytesOf(waiting->first) + kMargin;
}

absl::Status JournaledStore::AwaitFolding(absl::string_view run) {
  const absl::Time end = absl::Now() + kLongestWait;
  while (HasTooManyWaiting(run)) {
    // Here: the thread that folds may be at other runs.
    const absl::Status folded = Fold(std::string(run));
    if (Patience::IsOver()) return absl::CancelledError("nobody waits for it");
    const bool is_hopeless = !folded.ok() && !absl::IsAborted(folded);
    if (is_hopeless || absl::Now() >= end) {
      return absl::UnavailableError(
          absl::StrCat("run '", run, "' has too many batches that are not folded yet",
                       is_hopeless ? ": " : "", is_hopeless ? folded.message() : ""));
    }
    if (!folded.ok()) absl::SleepFor(kLookEvery);  // Another process folds them.
  }
  return absl::OkStatus();
}

int64_t JournaledStore::FoldBytesOf(const std::string& run) const {
  const auto known = views_.find(run);
  const int64_t image = known == views_.end() ? 0 : known->second.view->bytes();
  const int64_t bytes = std::clamp(image / 4, options_.fold_bytes, kMostFoldBytes);
  return std::min(bytes, options_.max_bytes / 8);
}

absl::StatusOr<JournaledRun> JournaledStore::Find(absl::string_view name, const RunViewer& viewer) {
  auto run = journal_->Find(name);
  if (absl::IsNotFound(run.status())) return NoSuchRun(name);
  if (run.ok() && !viewer.Sees(run->kind.owner)) return NoSuchRun(name);
  return run;
}

JournaledStore::ViewPtr JournaledStore::FindView(const JournaledRun& run) {
  ViewPtr old;  // goes without the lock
  const MutexLock lock(&mutex_);
  Known& known = views_[run.name];
  if (known.view == nullptr || known.view->run_id() != run.id) {
    old = std::exchange(known.view, std::make_shared<RunView>(*journal_, run.id));
  }
  known.used = options_.now();
  return known.view;
}

absl::StatusOr<JournaledStore::ViewPtr> JournaledStore::See(const JournaledRun& run) {
  ViewPtr view = FindView(run);
  const absl::Status read = view->CatchUp(run);
  if (absl::IsNotFound(read)) return NoSuchRun(run.name);
  if (!read.ok()) return read;
  return view;
}

absl::StatusOr<RunTotals> JournaledStore::TotalsOf(const JournaledRun& run) {
  if (run.folded == run.batch_count) {
    // The state says it all.
    const auto state = journal_->ReadState(run, RunJournal::kWholeState);
    if (!state.ok()) return state.status();
    RunImage image(run.kind, run.trimmed);
    const absl::Status read = image.ReadState(*state);
    if (!read.ok()) return read;
    return image.totals();
  }
  const auto view = See(run);
  if (!view.ok()) return view.status();
  return (*view)->Totals();
}

absl::StatusOr<Run> JournaledStore::Show(const JournaledRun& run, int64_t most_points) {
  const auto totals = TotalsOf(run);
  if (absl::IsNotFound(totals.status())) return NoSuchRun(run.name);
  if (!totals.ok()) return totals.status();
  Run shown = WithName(totals->Summary(), run);
  shown.points = totals->Points(RunCurve::kMostPoints);
  // They do not depend on how many points are asked for.
  shown.findings = FindingsOf(shown);
  if (most_points < RunCurve::kMostPoints) shown.points = totals->Points(most_points);
  return shown;
}

bool JournaledStore::IsCheapToSee(const JournaledRun& run) const {
  if (run.folded_bytes <= kSmallRunBytes) return true;
  const MutexLock lock(&mutex_);
  const auto known = views_.find(run.name);
  // It has an image, which only wants the newest batches.
  return known != views_.end() && known->second.view->run_id() == run.id &&
         known->second.view->bytes() > 0;
}

absl::StatusOr<Run> JournaledStore::Summarize(const JournaledRun& run) {
  if (run.folded < run.batch_count && (run.folded == 0 || IsCheapToSee(run))) {
    const auto view = See(run);
    if (!view.ok()) return view.status();
    const auto totals = (*view)->Totals();
    if (!totals.ok()) return totals.status();
    return WithName(totals->Summary(), run);
  }
  const auto state = journal_->ReadState(run, RunImage::kSummaryBytes);
  if (!state.ok()) return state.status();
  if (state->empty()) return NoSuchRun(run.name);  // It went meanwhile.
  auto summary = RunImage::SummaryOf(run.kind, *state);
  if (!summary.ok()) return summary;
  return WithName(*std::move(summary), run);
}

absl::StatusOr<Run> JournaledStore::Get(absl::string_view name, const RunViewer& viewer,
                                        int64_t most_points) {
  const auto run = Find(name, viewer);
  if (!run.ok()) return run.status();
  return Show(*run, most_points);
}

absl::StatusOr<RunVersion> JournaledStore::GetVersion(absl::string_view name,
                                                      const RunViewer& viewer) {
  const auto run = Find(name, viewer);
  if (!run.ok()) return run.status();
  return RunVersion{run->create_time, run->batch_count};
}

absl::StatusOr<std::vector<Run>> JournaledStore::List(const RunViewer& viewer,
                                                      absl::string_view after, int64_t limit) {
  std::vector<Run> shown;
  std::string last(after);
  while (true) {
    const auto runs = journal_->List(last, limit);
    if (!runs.ok()) return runs.status();
    if (runs->empty()) return shown;
    for (const JournaledRun& run : *runs) {
      if (static_cast<int64_t>(shown.size()) == limit) return shown;
      if (!viewer.Sees(run.kind.owner)) continue;
      auto one = Summarize(run);
      if (absl::IsNotFound(one.status())) continue;  // It went meanwhile.
      if (!one.ok()) return one.status();
      shown.push_back(*std::move(one));
    }
    last = runs->back().name;
  }
}

absl::Status JournaledStore::Delete(absl::string_view name, const RunViewer& viewer) {
  const auto run = Find(name, viewer);
  if (!run.ok()) return run.status();
  const absl::Status deleted = DeleteFromJournal(*run);
  return absl::IsNotFound(deleted) ? NoSuchRun(name) : deleted;
}

absl::StatusOr<SamplePage> JournaledStore::ListSamples(absl::string_view name,
                                                       const RunViewer& viewer,
                                                       const SampleQuery& query) {
  const auto run = Find(name, viewer);
  if (!run.ok()) return run.status();
  const auto view = See(*run);
  if (!view.ok()) return view.status();
  return (*view)->Select(query);
}

absl::StatusOr<std::unique_ptr<SampleReader>> JournaledStore::OpenSamples(absl::string_view name,
                                                                          const RunViewer& viewer) {
  const auto run = Find(name, viewer);
  if (!run.ok()) return run.status();
  return std::make_unique<Reader>(*this, *run);
}

StoreUse JournaledStore::use() const {
  const MutexLock lock(&mutex_);
  return use_;
}

}  // namespace lossd::runs
