#include "server/transport/admission.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/rpc/errors/status.h"

namespace lossd::transport {
namespace {

// About as long as the largest batches take to compute: an earlier call would likely be refused
// again.
constexpr absl::Duration kOverloadRetryDelay = absl::Milliseconds(200);

}  // namespace

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

}  // namespace lossd::transport
