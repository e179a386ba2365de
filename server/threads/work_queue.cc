#include "server/threads/work_queue.h"

#include <utility>

#include "server/threads/executor.h"

namespace lossd {

WorkQueue::WorkQueue(int thread_count) : running_(static_cast<size_t>(thread_count) + 1) {
  threads_.reserve(static_cast<size_t>(thread_count) + 1);
  for (int i = 0; i < thread_count; ++i) {
    threads_.emplace_back([this, i] { RunAnyJobs(static_cast<size_t>(i)); });
  }
  threads_.emplace_back([this, thread_count] { RunShortJobs(static_cast<size_t>(thread_count)); });
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

void WorkQueue::WaitForRunning() {
  const MutexLock lock(&mutex_);
  const std::vector<uint64_t> running = running_;
  const auto have_returned = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (size_t i = 0; i < running.size(); ++i) {
      if (running[i] != 0 && running[i] == running_[i]) return false;
    }
    return true;
  };
  mutex_.Await(absl::Condition(&have_returned));
}

void WorkQueue::RunAnyJobs(size_t thread) {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !short_.empty() || !long_.empty() || ending_;
  };
  int short_in_a_row = 0;
  while (true) {
    std::function<void()> run;
    {
      const MutexLock lock(&mutex_);
      running_[thread] = 0;
      mutex_.Await(absl::Condition(&has_news));
      if (short_.empty() && long_.empty()) return;
      const bool takes_long = short_.empty() || (!long_.empty() && short_in_a_row >= kShortInARow);
      short_in_a_row = takes_long ? 0 : short_in_a_row + 1;
      run = TakeFrom(takes_long ? long_ : short_, thread);
    }
    run();
  }
}

void WorkQueue::RunShortJobs(size_t thread) {
  const ComputeAlone alone;
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !short_.empty() || ending_;
  };
  while (true) {
    std::function<void()> run;
    {
      const MutexLock lock(&mutex_);
      running_[thread] = 0;
      mutex_.Await(absl::Condition(&has_news));
      if (short_.empty()) return;
      run = TakeFrom(short_, thread);
    }
    run();
  }
}

std::function<void()> WorkQueue::TakeFrom(JobLane& lane, size_t thread) {
  JobLane::Taken taken = lane.Take();
  running_[thread] = taken.ticket;
  places_.erase(taken.ticket);
  return std::move(taken.run);
}

}  // namespace lossd
