#include "server/transport/call_count.h"

namespace lossd::transport {

void CallCount::Add() {
  const MutexLock lock(&mutex_);
  ++count_;
}

void CallCount::Remove() {
  const MutexLock lock(&mutex_);
  --count_;
}

bool CallCount::WaitForNone(absl::Time deadline) {
  const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return count_ == 0; };
  const MutexLock lock(&mutex_);
  return mutex_.AwaitWithDeadline(absl::Condition(&none), deadline);
}

}  // namespace lossd::transport
