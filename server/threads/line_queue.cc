#include "server/threads/line_queue.h"

#include <system_error>

namespace lossd {

LineQueue::LineQueue(int most_threads)
    : most_threads_(static_cast<size_t>(most_threads)), tickets_(most_threads_) {
  const MutexLock lock(&mutex_);
  threads_.reserve(most_threads_);
  StartThread();
}

LineQueue::~LineQueue() {
  std::vector<std::thread> threads;
  {
    const MutexLock lock(&mutex_);
    ending_ = true;
    threads = std::move(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

LineQueue::Owner LineQueue::OwnerOf(const Job& job) {
  return {job.owner.group, job.owner.group == 0 ? job.owner.member : 0};
}

void LineQueue::StartThread() {
  const size_t thread = threads_.size();
  threads_.emplace_back([this, thread] { Run(thread); });
  ++idle_;
}

void LineQueue::Schedule(Job job) {
  const MutexLock lock(&mutex_);
  const bool is_ordered = !job.line.empty();
  if (!is_ordered) {
    // No line that has a name begins like this.
    const Owner owner = OwnerOf(job);
    job.line = '\0' + std::to_string(owner.first) + ':' + std::to_string(owner.second);
  }
  const auto line = lines_.try_emplace(job.line).first;
  line->second.is_ordered = is_ordered;
  line->second.jobs.push_back(std::move(job));
  ++waiting_;
  GiveTurn(line);
  if (waiting_ <= idle_ || threads_.size() >= most_threads_ || ending_) return;
  try {
    StartThread();
  } catch (const std::system_error&) {  // Those that there are take it.
  }
}

template <typename F>
void LineQueue::Change(const Owner& owner, F f) {
  Share& share = shares_[owner];
  const auto may_run = [&] { return !share.turns.empty() && share.running < most_threads_ / 2; };
  if (may_run()) next_.erase(share.turns.begin()->first);
  f(share);
  if (may_run()) next_.emplace(share.turns.begin()->first, owner);
  if (share.turns.empty() && share.running == 0) shares_.erase(owner);
}

void LineQueue::GiveTurn(Lines::iterator line) {
  Line& of = line->second;
  if (of.has_turn || of.jobs.empty() || (of.is_ordered && of.running > 0)) return;
  of.has_turn = true;
  const uint64_t turn = ++last_turn_;
  Change(OwnerOf(of.jobs.front()), [&](Share& share) { share.turns.emplace(turn, line); });
}

LineQueue::Job LineQueue::TakeNext() {
  Lines::iterator line;
  const Owner owner = next_.begin()->second;
  Change(owner, [&](Share& share) {
    line = share.turns.begin()->second;
    share.turns.erase(share.turns.begin());
    ++share.running;
  });
  Job job = std::move(line->second.jobs.front());
  line->second.jobs.pop_front();
  line->second.has_turn = false;
  ++line->second.running;
  --waiting_;
  GiveTurn(line);
  return job;
}

void LineQueue::NoteEnd(const std::string& line, const Owner& owner) {
  Change(owner, [](Share& share) { --share.running; });
  const auto place = lines_.find(line);
  if (--place->second.running == 0 && place->second.jobs.empty()) {
    lines_.erase(place);
  } else {
    GiveTurn(place);
  }
}

void LineQueue::Run(size_t thread) {
  Job job;
  while (true) {
    {
      const MutexLock lock(&mutex_);
      // One condition for all threads, of a few instructions: others unlock, too.
      mutex_.Await(absl::Condition(this, &LineQueue::HasNews));
      --idle_;
      if (next_.empty()) return;
      job = TakeNext();
      tickets_[thread] = ++last_ticket_;
    }
    job.run();
    job.run = nullptr;  // What it holds is let go without the lock.
    const MutexLock lock(&mutex_);
    NoteEnd(job.line, OwnerOf(job));
    tickets_[thread] = 0;
    ++idle_;
  }
}

void LineQueue::WaitForRunning() {
  const MutexLock lock(&mutex_);
  const std::vector<uint64_t> running = tickets_;
  const auto have_returned = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (size_t i = 0; i < running.size(); ++i) {
      if (running[i] != 0 && running[i] == tickets_[i]) return false;
    }
    return true;
  };
  mutex_.Await(absl::Condition(&have_returned));
}

}  // namespace lossd
