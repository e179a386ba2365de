#ifndef LOSSD_SERVER_RPC_IN_FLIGHT_H_
#define LOSSD_SERVER_RPC_IN_FLIGHT_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace lossd::rpc {

// The calls that are there, those that are waited for included, and the bytes of the requests that
// are being answered. Thread-safe.
class InFlight {
 public:
  explicit InFlight(int64_t max_bytes) : max_bytes_(max_bytes) {}

  void AddCall();
  void RemoveCall();

  // Admits a request, or refuses it with UNAVAILABLE and RetryInfo when it would bring the sum over
  // the limit. With nothing else in flight a request of any size is admitted.
  absl::Status AddBytes(int64_t bytes);
  void RemoveBytes(int64_t bytes);

  // False if there are calls still at `deadline`.
  bool WaitForNoCalls(absl::Time deadline);

 private:
  const int64_t max_bytes_;
  absl::Mutex mutex_;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_IN_FLIGHT_H_
