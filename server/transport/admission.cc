#include "server/transport/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/rpc/errors/status.h"

namespace lossd::transport {
namespace {

// About as long as the largest batches take to compute: an earlier call would likely be refused
// again.
constexpr absl::Duration kOverloadRetryDelay = absl::Milliseconds(200);
// After it this server is gone, and a connection finds another.
constexpr absl::Duration kDrainRetryDelay = absl::Seconds(1);

constexpr absl::Duration kQuiet = absl::Milliseconds(100);
constexpr absl::Duration kLongestWaitForQuiet = absl::Seconds(1);

}  // namespace

absl::Status ShuttingDown() {
  return rpc::Unavailable("the server is shutting down; try again at another or later",
                          "SHUTTING_DOWN", kDrainRetryDelay);
}

absl::Status Admission::AdmitCall() {
  const absl::MutexLock lock(&mutex_);
  last_arrival_ = absl::Now();
  if (draining_) return ShuttingDown();
  ++calls_;
  return absl::OkStatus();
}

void Admission::EndCall() {
  const absl::MutexLock lock(&mutex_);
  --calls_;
}

absl::Status Admission::AdmitBytes(int64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  return Add(bytes);
}

bool Admission::ReserveBytes(int64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  if (bytes > max_bytes_ / 2 - bytes_ - reserved_) return false;
  reserved_ += bytes;
  return true;
}

void Admission::ReserveInMemory(int64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  reserved_ += bytes;
}

void Admission::CancelReservation(int64_t bytes) {
  if (bytes == 0) return;
  const absl::MutexLock lock(&mutex_);
  reserved_ -= bytes;
}

absl::Status Admission::AdmitReserved(int64_t reserved_bytes, int64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  reserved_ -= reserved_bytes;
  if (bytes > reserved_bytes) return Add(bytes);
  bytes_ += bytes;
  return absl::OkStatus();
}

absl::Status Admission::Add(int64_t bytes) {
  if (bytes_ > 0 && bytes > max_bytes_ - bytes_) {
    return rpc::Unavailable(absl::StrCat("the server is overloaded: requests of ", bytes_,
                                         " bytes are in flight, and this one of ", bytes,
                                         " bytes would bring them over the limit of ", max_bytes_,
                                         " bytes; try again later"),
                            "OVERLOADED", kOverloadRetryDelay);
  }
  bytes_ += bytes;
  return absl::OkStatus();
}

void Admission::ReturnBytes(int64_t bytes) {
  if (bytes == 0) return;
  const absl::MutexLock lock(&mutex_);
  bytes_ -= bytes;
}

void Admission::Drain() {
  const absl::MutexLock lock(&mutex_);
  draining_ = true;
}

bool Admission::WaitUntilDrained(absl::Time deadline) {
  const auto no_calls = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; };
  {
    const absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithDeadline(absl::Condition(&no_calls), deadline)) return false;
  }
  const absl::Time last_moment = std::min(deadline, absl::Now() + kLongestWaitForQuiet);
  while (true) {
    const absl::Time quiet_from = std::min(LastArrival() + kQuiet, last_moment);
    if (quiet_from <= absl::Now()) return true;
    absl::SleepFor(quiet_from - absl::Now());
  }
}

absl::Time Admission::LastArrival() {
  const absl::MutexLock lock(&mutex_);
  return last_arrival_;
}

}  // namespace lossd::transport
