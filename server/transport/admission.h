#ifndef LOSSD_SERVER_TRANSPORT_ADMISSION_H_
#define LOSSD_SERVER_TRANSPORT_ADMISSION_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace lossd::transport {

// Decides which requests are taken: while the bytes of the admitted ones are within a limit. A
// refused one gets UNAVAILABLE with RetryInfo. Thread-safe.
//
// A stream reads a message while others of its own are in flight only after it has reserved bytes
// for it, within half of the limit. So calls and other streams find room however much one stream
// sends ahead, and admitted and reserved requests together hold at most one and a half of the
// limit. Two kinds of requests may exceed that: one that is larger than the limit, and for each
// stream one message that is larger than its reservation.
//
// Counts no request before its last byte has come, unless bytes were reserved for it: neither a
// unary request while gRPC assembles it, nor the first message of a stream that is idle.
class Admission {
 public:
  explicit Admission(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // AdmitBytes is called when a request's size is known, ReturnBytes when its call has ended and it
  // was admitted. A request larger than the limit is admitted when nothing else is in flight.
  absl::Status AdmitBytes(int64_t bytes);
  void ReturnBytes(int64_t bytes);

  // Reserves bytes for a message that a stream is about to read while others of its own are in
  // flight. Returns false if the bytes in flight, those reserved and these are more than half of
  // the limit. Bytes that are reserved keep no request from being admitted.
  bool ReserveBytes(int64_t bytes);
  void CancelReservation(int64_t bytes);
  // Reserves the bytes of a message that has been read and will be admitted later. It is in memory
  // already, so there is no limit.
  void ReserveInMemory(int64_t bytes);
  // Admits a message that was read under a reservation, in the place of that. Refuses only what is
  // larger than was reserved, as AdmitBytes does; the reservation ends in any case.
  absl::Status AdmitReserved(int64_t reserved_bytes, int64_t bytes);

 private:
  absl::Status Add(int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int64_t max_bytes_;
  absl::Mutex mutex_;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_ADMISSION_H_
