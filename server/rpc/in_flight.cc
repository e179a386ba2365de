#include "server/rpc/in_flight.h"

#include "absl/strings/str_cat.h"
#include "server/rpc/status.h"

namespace lossd::rpc {
namespace {

// About what the largest batches take to compute: sooner is likely to be refused again.
constexpr absl::Duration kRetryDelay = absl::Milliseconds(200);

}  // namespace

void InFlight::AddCall() {
  const absl::MutexLock lock(&mutex_);
  ++calls_;
}

void InFlight::RemoveCall() {
  const absl::MutexLock lock(&mutex_);
  --calls_;
}

absl::Status InFlight::AddBytes(int64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  if (bytes_ > 0 && bytes > max_bytes_ - bytes_) {
    return Overloaded(absl::StrCat("the server is overloaded: requests of ", bytes_,
                                   " bytes are in flight, and this one of ", bytes,
                                   " bytes would bring them over the limit of ", max_bytes_,
                                   " bytes; try again later"),
                      kRetryDelay);
  }
  bytes_ += bytes;
  return absl::OkStatus();
}

void InFlight::RemoveBytes(int64_t bytes) {
  const absl::MutexLock lock(&mutex_);
  bytes_ -= bytes;
}

bool InFlight::WaitForNoCalls(absl::Time deadline) {
  const auto no_calls = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; };
  const absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithDeadline(absl::Condition(&no_calls), deadline);
}

}  // namespace lossd::rpc
