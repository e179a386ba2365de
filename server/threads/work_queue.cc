#include "server/threads/work_queue.h"

#include <utility>

#include "server/threads/executor.h"

namespace lossd {

WorkQueue::WorkQueue(int thread_count) {
  threads_.reserve(static_cast<size_t>(thread_count) + 1);
  for (int i = 0; i < thread_count; ++i) threads_.emplace_back([this] { RunAnyJobs(); });
  threads_.emplace_back([this] { RunShortJobs(); });
}

WorkQueue::~WorkQueue() {
  {
    const MutexLock lock(&mutex_);
    ending_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

uint64_t WorkQueue::Schedule(Job job) {
  const MutexLock lock(&mutex_);
  const uint64_t ticket = ++last_ticket_;
  JobLane& lane = job.work <= kShortWork ? short_ : long_;
  lane.Add(job.owner, ticket, std::move(job.run));
  places_.emplace(ticket, Place{&lane, job.owner});
  return ticket;
}

bool WorkQueue::Remove(uint64_t ticket) {
  std::function<void()> removed;  // What it holds is let go without the lock.
  const MutexLock lock(&mutex_);
  const auto place = places_.find(ticket);
  if (place == places_.end()) return false;
  removed = place->second.lane->Remove(place->second.owner, ticket);
  places_.erase(place);
  return true;
}

void WorkQueue::RunAnyJobs() {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !short_.empty() || !long_.empty() || ending_;
  };
  int short_in_a_row = 0;
  while (true) {
    std::function<void()> run;
    {
      const MutexLock lock(&mutex_, absl::Condition(&has_news));
      if (short_.empty() && long_.empty()) return;
      const bool takes_long = short_.empty() || (!long_.empty() && short_in_a_row >= kShortInARow);
      short_in_a_row = takes_long ? 0 : short_in_a_row + 1;
      run = TakeFrom(takes_long ? long_ : short_);
    }
    run();
  }
}

void WorkQueue::RunShortJobs() {
  const ComputeAlone alone;
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !short_.empty() || ending_;
  };
  while (true) {
    std::function<void()> run;
    {
      const MutexLock lock(&mutex_, absl::Condition(&has_news));
      if (short_.empty()) return;
      run = TakeFrom(short_);
    }
    run();
  }
}

std::function<void()> WorkQueue::TakeFrom(JobLane& lane) {
  JobLane::Taken taken = lane.Take();
  places_.erase(taken.ticket);
  return std::move(taken.run);
}

}  // namespace lossd
