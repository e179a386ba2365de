// What the thread of a JournaledStore does.
#include <algorithm>
#include <exception>
#include <iterator>
#include <string>
#include <vector>

#include "server/runs/journal/journaled_store.h"

namespace lossd::runs {
namespace {

// An image that nobody has used for so long is let go.
constexpr absl::Duration kIdle = absl::Minutes(5);

// A run whose last batches nobody has folded for so many delays was left by another process.
constexpr int kDelaysOfOthers = 3;

}  // namespace

void JournaledStore::TickSafely() {
  try {
    Tick();
  } catch (const std::exception& thrown) {
    // Such as for want of memory: no image is used that was being changed.
    options_.on_error(absl::ResourceExhaustedError(thrown.what()));
  }
}

void JournaledStore::Tick() {
  const MutexLock lock(&ticking_);
  FoldWaiting(options_.fold_delay);
  KeepCurrent();
  const absl::Time now = options_.now();
  if (now < next_sweep_) return;
  next_sweep_ = now + options_.sweep_interval;
  Sweep();
}

void JournaledStore::FoldAll() {
  const MutexLock lock(&ticking_);
  FoldWaiting(absl::ZeroDuration());
  Sweep();
}

void JournaledStore::FoldWaiting(absl::Duration delay) {
  for (const std::string& run : TakeWaiting(delay)) {
    const absl::Status folded = Fold(run);
    if (ending_) return;
    // Another process that has the run, too, may be faster.
    if (!folded.ok() && !absl::IsAborted(folded)) options_.on_error(folded);
  }
}

std::vector<std::string> JournaledStore::TakeWaiting(absl::Duration delay) {
  const absl::Time now = options_.now();
  std::vector<std::string> runs;
  const MutexLock lock(&mutex_);
  for (const auto& [run, waiting] : waiting_) {
    if (now - waiting.recorded >= delay || waiting.bytes >= FoldBytesOf(run)) runs.push_back(run);
  }
  return runs;
}

absl::Status JournaledStore::Fold(const std::string& name) {
  auto run = journal_->Find(name);
  absl::Status folded = run.status();
  if (run.ok() && run->waiting_bytes > 0) {
    folded = FindView(*run)->Fold(*run, options_.part_bytes, ending_);
    run = journal_->Find(name);
  }
  const MutexLock lock(&mutex_);
  const auto waiting = waiting_.find(name);
  if (waiting == waiting_.end()) return folded;
  if (absl::IsNotFound(run.status()) || (run.ok() && run->waiting_bytes == 0)) {
    waiting_.erase(waiting);
  } else if (run.ok()) {
    waiting->second.bytes = run->waiting_bytes;
  }
  return absl::IsNotFound(folded) ? absl::OkStatus() : folded;
}

std::vector<std::string> JournaledStore::RunsToKeepCurrent() {
  std::vector<std::string> runs;
  const MutexLock lock(&mutex_);
  for (const auto& [run, waiting] : waiting_) {
    if (options_.keeps_current || views_.count(run) > 0) runs.push_back(run);
  }
  return runs;
}

void JournaledStore::KeepCurrent() {
  for (const std::string& name : RunsToKeepCurrent()) {
    if (ending_) return;
    SeeNewest(name);
  }
}

void JournaledStore::SeeNewest(const std::string& name) {
  int64_t seen = 0;
  ViewPtr view;
  {
    const MutexLock lock(&mutex_);
    const auto waiting = waiting_.find(name);
    if (waiting != waiting_.end()) seen = waiting->second.unseen;
    const auto known = views_.find(name);
    if (known != views_.end()) view = known->second.view;
  }
  const auto run = journal_->Find(name);
  if (!run.ok()) return;
  if (options_.keeps_current) view = FindView(*run);
  if (view == nullptr) return;
  // Whoever looks at it is told what is wrong.
  view->CatchUp(*run).IgnoreError();
  const MutexLock lock(&mutex_);
  const auto waiting = waiting_.find(name);
  if (waiting != waiting_.end())
    waiting->second.unseen = std::max<int64_t>(0, waiting->second.unseen - seen);
}

void JournaledStore::Sweep() {
  auto all = ListAll();
  if (!all.ok()) {
    options_.on_error(all.status());
    return;
  }
  const absl::Time now = options_.now();
  const auto is_old = [&](const JournaledRun& run) {
    if (now - run.update_time <= options_.max_age) return false;
    const absl::Status gone = LetGo(run);
    if (!gone.ok()) options_.on_error(gone);
    return gone.ok();
  };
  all->erase(std::remove_if(all->begin(), all->end(), is_old), all->end());
  Note(*all);
  DropViews();
}

void JournaledStore::Note(const std::vector<JournaledRun>& runs) {
  const absl::Time now = options_.now();
  const MutexLock lock(&mutex_);
  use_.runs = static_cast<int64_t>(runs.size());
  use_.bytes = 0;
  most_bytes_ = 0;
  for (const JournaledRun& run : runs) {
    use_.bytes += run.folded_bytes + run.waiting_bytes;
    most_bytes_ += run.folded_bytes + kGrowth * run.waiting_bytes;
    const bool is_left = run.waiting_bytes > 0 && waiting_.count(run.name) == 0 &&
                         now - run.update_time > kDelaysOfOthers * options_.fold_delay;
    if (is_left) waiting_[run.name] = {now, run.waiting_bytes, 0};
  }
}

void JournaledStore::DropViews() {
  const absl::Time now = options_.now();
  std::vector<ViewPtr> gone;  // without the lock
  const MutexLock lock(&mutex_);
  int64_t bytes = 0;
  for (auto known = views_.begin(); known != views_.end();) {
    const auto next = std::next(known);
    if (now - known->second.used > kIdle) {
      gone.push_back(std::move(known->second.view));
      views_.erase(known);
    } else {
      bytes += known->second.view->bytes();
    }
    known = next;
  }
  while (bytes > options_.max_bytes && views_.size() > 1) {
    const auto oldest = std::min_element(
        views_.begin(), views_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    bytes -= oldest->second.view->bytes();
    gone.push_back(std::move(oldest->second.view));
    views_.erase(oldest);
  }
}

}  // namespace lossd::runs
