#include "server/threads/line_queue.h"

#include <algorithm>
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
  Line& line = lines_[job.line];
  line.is_ordered = is_ordered;
  line.jobs.push_back(std::move(job));
  ++waiting_;
  if (waiting_ <= idle_ || threads_.size() >= most_threads_ || ending_) return;
  try {
    StartThread();
  } catch (const std::system_error&) {  // Those that there are take it.
  }
}

bool LineQueue::MayRun(const Line& line) const {
  if (line.jobs.empty() || (line.is_ordered && line.running > 0)) return false;
  const auto running = running_of_.find(OwnerOf(line.jobs.front()));
  return running == running_of_.end() || running->second < most_threads_ / 2;
}

LineQueue::Lines::iterator LineQueue::NextLine() {
  const auto may = [this](const auto& line)
                       ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return MayRun(line.second); };
  const auto turn = lines_.upper_bound(last_line_);
  const auto next = std::find_if(turn, lines_.end(), may);
  if (next != lines_.end()) return next;
  const auto again = std::find_if(lines_.begin(), turn, may);
  return again == turn ? lines_.end() : again;
}

void LineQueue::NoteEnd(const std::string& line, const Owner& owner) {
  const auto place = lines_.find(line);
  if (--place->second.running == 0 && place->second.jobs.empty()) lines_.erase(place);
  const auto running = running_of_.find(owner);
  if (--running->second == 0) running_of_.erase(running);
}

void LineQueue::Run(size_t thread) {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return (ending_ && waiting_ == 0) || NextLine() != lines_.end();
  };
  Job job;
  Owner owner;
  while (true) {
    {
      const MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_news));
      --idle_;
      const auto next = NextLine();
      if (next == lines_.end()) return;
      job = std::move(next->second.jobs.front());
      next->second.jobs.pop_front();
      last_line_ = next->first;
      owner = OwnerOf(job);
      ++next->second.running;
      ++running_of_[owner];
      --waiting_;
      tickets_[thread] = ++last_ticket_;
    }
    job.run();
    job.run = nullptr;  // What it holds is let go without the lock.
    const MutexLock lock(&mutex_);
    NoteEnd(job.line, owner);
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
