#ifndef LOSSD_SERVER_TRANSPORT_CALL_COUNT_H_
#define LOSSD_SERVER_TRANSPORT_CALL_COUNT_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/threads/mutex.h"

namespace lossd::transport {

// Counts calls, and waits for there to be none. Thread-safe.
class CallCount {
 public:
  void Add();
  void Remove();

  // Returns false if there are some still at `deadline`.
  bool WaitForNone(absl::Time deadline);

 private:
  Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_CALL_COUNT_H_
