#ifndef LOSSD_SERVER_TRANSPORT_ADMISSION_H_
#define LOSSD_SERVER_TRANSPORT_ADMISSION_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace lossd::transport {

// What a call gets from a server that drains: UNAVAILABLE, with RetryInfo.
absl::Status ShuttingDown();

// Which calls are taken: while the requests in flight are within a limit of bytes, and until the
// server drains. A refused call gets UNAVAILABLE with RetryInfo. Thread-safe.
class Admission {
 public:
  explicit Admission(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Of each call, once it arrives, and once it has ended, if it was admitted.
  absl::Status AdmitCall();
  void EndCall();

  // Of each request, once its size is known, and once its call has ended, if it was admitted. With
  // nothing else in flight a request of any size is.
  absl::Status AdmitBytes(int64_t bytes);
  void ReturnBytes(int64_t bytes);

  // The same for a request that comes while others of its own stream are in flight, and so can wait
  // for those: it gets bytes only while half of the limit is free. However much one stream sends
  // ahead, calls and other streams find room.
  bool AdmitBytesAhead(int64_t bytes);

  // Admits no call from here on.
  void Drain();

  // Waits until every call has ended and, for a second at most, until there was none to refuse for
  // a moment: clients that call on and on have then been told to go elsewhere. False if calls are
  // in flight still at `deadline`. Drain() was called.
  bool WaitUntilDrained(absl::Time deadline);

 private:
  absl::Time LastArrival();

  const int64_t max_bytes_;
  absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time last_arrival_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_ADMISSION_H_
