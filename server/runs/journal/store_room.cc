// How a JournaledStore keeps its runs within their bound.
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/runs/journal/journaled_store.h"
#include "server/runs/run_kind.h"

namespace lossd::runs {

absl::Status JournaledStore::MakeRoom(const RunBatch& batch, absl::string_view bytes) {
  {
    const MutexLock lock(&mutex_);
    const int64_t more = RunImage::BytesOfSamples(0) + kGrowth * static_cast<int64_t>(bytes.size());
    if (most_bytes_ + more <= options_.max_bytes) {
      most_bytes_ += more;
      return absl::OkStatus();
    }
  }
  const auto coded = DecodeBatch(bytes);
  if (!coded.ok()) return coded.status();
  const MutexLock lock(&making_room_);
  return MakeRoomExactly(batch.run, KindOf(batch), *coded);
}

absl::Status JournaledStore::MakeRoomExactly(absl::string_view run, const RunKind& kind,
                                             const CodedBatch& batch) {
  while (true) {
    const auto all = ListAll();
    if (!all.ok()) return all.status();
    Note(*all);
    int64_t others = 0;
    const JournaledRun* mine = nullptr;
    const JournaledRun* oldest = nullptr;
    for (const JournaledRun& one : *all) {
      if (one.name == run) {
        mine = &one;
        continue;
      }
      auto bytes = BytesOf(one);
      if (!bytes.ok()) return bytes.status();
      others += *bytes;
      if (oldest == nullptr || one.update_time < oldest->update_time) oldest = &one;
    }
    // No run goes for a batch that its own does not take.
    absl::Status fits = mine == nullptr ? absl::OkStatus() : CheckKind(run, kind, mine->kind);
    if (!fits.ok()) return fits;
    auto bytes = BytesWith(mine, batch);
    if (!bytes.ok()) return bytes.status();
    if (*bytes + others <= options_.max_bytes) return absl::OkStatus();
    if (*bytes > options_.max_bytes || oldest == nullptr) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "run '", run, "' has no room for a batch of ", batch.presentations.size(), " samples"));
    }
    absl::Status gone = LetGo(*oldest);
    if (!gone.ok()) return gone;
  }
}

absl::StatusOr<int64_t> JournaledStore::BytesOf(const JournaledRun& run) {
  if (run.waiting_bytes == 0) return run.folded_bytes;
  const auto totals = TotalsOf(run);
  if (absl::IsNotFound(totals.status())) return 0;  // It went meanwhile.
  if (!totals.ok()) return totals.status();
  return std::max(run.folded_bytes, RunImage::BytesOfSamples(totals->sample_count()));
}

absl::StatusOr<int64_t> JournaledStore::BytesWith(const JournaledRun* run,
                                                  const CodedBatch& batch) {
  if (run == nullptr) {
    return RunImage::BytesOfSamples(static_cast<int64_t>(batch.presentations.size()));
  }
  auto bytes = BytesOf(*run);
  if (!bytes.ok()) return bytes;
  const auto view = See(*run);
  if (!view.ok()) return view.status();
  auto missing = (*view)->CountMissing(batch);
  if (!missing.ok()) return missing;
  return *bytes + RunImage::BytesOfSamples(*missing) - RunImage::BytesOfSamples(0);
}

absl::StatusOr<std::vector<JournaledRun>> JournaledStore::ListAll() {
  constexpr int64_t kAtOnce = 1000;
  std::vector<JournaledRun> all;
  while (true) {
    auto some = journal_->List(all.empty() ? "" : absl::string_view(all.back().name), kAtOnce);
    if (!some.ok()) return some.status();
    if (some->empty()) return all;
    std::move(some->begin(), some->end(), std::back_inserter(all));
  }
}

absl::Status JournaledStore::DeleteFromJournal(const JournaledRun& run) {
  const absl::Time now = options_.now();
  absl::Status deleted = journal_->Delete(run);
  if (!deleted.ok()) return deleted;
  ViewPtr gone;  // without the lock
  const MutexLock lock(&mutex_);
  // Another run may have the name by now.
  const auto known = views_.find(run.name);
  if (known != views_.end() && known->second.view->run_id() == run.id) {
    gone = std::move(known->second.view);
    views_.erase(known);
  }
  const auto waiting = waiting_.find(run.name);
  if (waiting != waiting_.end() && waiting->second.recorded <= now) waiting_.erase(waiting);
  return deleted;
}

absl::Status JournaledStore::LetGo(const JournaledRun& run) {
  absl::Status gone = DeleteFromJournal(run);
  if (absl::IsNotFound(gone)) return absl::OkStatus();
  if (!gone.ok()) return gone;
  const MutexLock lock(&mutex_);
  ++use_.dropped_runs;
  return gone;
}

}  // namespace lossd::runs
