#include "server/transport/connection_table.h"

#include <sys/stat.h>

namespace lossd::transport {
namespace {

// A sweep of 10,000 connections takes some milliseconds. A server that is full and is asked for
// more all the time does nothing else without a pause.
constexpr std::chrono::milliseconds kPauseBetweenSweeps(50);

// Returns 0 if it is no open descriptor.
ino_t InodeOf(int descriptor) {
  struct stat status = {};
  return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

}  // namespace

bool ConnectionTable::Add(int descriptor, size_t most) {
  const MutexLock lock(&mutex_);
  const Connection connection = {InodeOf(descriptor), Clock::now()};
  // The system gives the least free number: mostly one of a connection that is over.
  const auto found = connections_.find(descriptor);
  if (found != connections_.end()) {
    found->second = connection;
    return true;
  }
  if (connections_.size() >= most) SweepIfItIsTime();
  if (connections_.size() >= most) return false;
  connections_.emplace(descriptor, connection);
  return true;
}

bool ConnectionTable::Contains(int descriptor) {
  const MutexLock lock(&mutex_);
  const auto found = connections_.find(descriptor);
  return found != connections_.end() && found->second.inode == InodeOf(descriptor);
}

size_t ConnectionTable::Count() {
  const MutexLock lock(&mutex_);
  Sweep();
  return connections_.size();
}

size_t ConnectionTable::RecentCount() {
  const MutexLock lock(&mutex_);
  SweepIfItIsTime();
  return connections_.size();
}

size_t ConnectionTable::CountAccepted(Clock::time_point begin, Clock::time_point end) {
  const MutexLock lock(&mutex_);
  Sweep();
  size_t count = 0;
  for (const auto& [descriptor, connection] : connections_) {
    if (connection.accepted >= begin && connection.accepted <= end) ++count;
  }
  return count;
}

void ConnectionTable::SweepIfItIsTime() {
  if (Clock::now() < next_sweep_) return;
  Sweep();
  next_sweep_ = Clock::now() + kPauseBetweenSweeps;
}

void ConnectionTable::Sweep() {
  for (auto entry = connections_.begin(); entry != connections_.end();) {
    if (InodeOf(entry->first) == entry->second.inode) {
      ++entry;
    } else {
      connections_.erase(entry++);
    }
  }
}

}  // namespace lossd::transport
