#include "server/threads/job_lane.h"

#include <cassert>
#include <utility>

namespace lossd {
namespace {

// Returns the place in `turns`, which is not empty, that follows `last`: the first after the end.
template <typename Map>
typename Map::iterator Next(Map& turns, uint64_t last) {
  const auto next = turns.upper_bound(last);
  return next == turns.end() ? turns.begin() : next;
}

}  // namespace

void JobLane::Add(const JobOwner& owner, uint64_t ticket, std::function<void()> run) {
  groups_[owner.group].members[owner.member].emplace(ticket, std::move(run));
}

std::function<void()> JobLane::Remove(const JobOwner& owner, uint64_t ticket) {
  const auto group = groups_.find(owner.group);
  assert(group != groups_.end());
  auto& members = group->second.members;
  const auto jobs = members.find(owner.member);
  assert(jobs != members.end());
  const auto job = jobs->second.find(ticket);
  assert(job != jobs->second.end());
  std::function<void()> run = std::move(job->second);
  jobs->second.erase(job);
  if (jobs->second.empty()) members.erase(jobs);
  if (members.empty()) groups_.erase(group);
  return run;
}

JobLane::Taken JobLane::Take() {
  assert(!empty());
  const auto group = Next(groups_, last_group_);
  const auto member = Next(group->second.members, group->second.last_member);
  last_group_ = group->first;
  group->second.last_member = member->first;
  const uint64_t ticket = member->second.begin()->first;
  return {ticket, Remove({last_group_, member->first}, ticket)};
}

}  // namespace lossd
