#include "server/threads/job_lane.h"

#include <cassert>
#include <utility>

namespace lossd {

void JobLane::Add(uint64_t owner, uint64_t ticket, std::function<void()> run) {
  owners_[owner].emplace(ticket, std::move(run));
}

std::function<void()> JobLane::Remove(uint64_t owner, uint64_t ticket) {
  const auto jobs = owners_.find(owner);
  assert(jobs != owners_.end());
  const auto job = jobs->second.find(ticket);
  assert(job != jobs->second.end());
  std::function<void()> run = std::move(job->second);
  jobs->second.erase(job);
  if (jobs->second.empty()) owners_.erase(jobs);
  return run;
}

JobLane::Taken JobLane::Take() {
  assert(!empty());
  auto next = owners_.upper_bound(last_owner_);
  if (next == owners_.end()) next = owners_.begin();
  last_owner_ = next->first;
  const uint64_t ticket = next->second.begin()->first;
  return {ticket, Remove(last_owner_, ticket)};
}

}  // namespace lossd
