#ifndef LOSSD_SERVER_TRANSPORT_DRAIN_H_
#define LOSSD_SERVER_TRANSPORT_DRAIN_H_

#include <array>
#include <chrono>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "server/threads/mutex.h"

namespace lossd::transport {

// Returns the status of a call that comes to a server that takes none any more: UNAVAILABLE, with
// RetryInfo.
absl::Status ShuttingDown();

// What a server that stops waits for: calls of which something would be lost. Thread-safe.
class Drain {
 public:
  using Clock = std::chrono::steady_clock;

  // Where a call is. What the client or the network can hold up is waited for only for so long.
  enum class Stage {
    kOutside,    // not admitted, or over
    kArriving,   // no whole message has come that is not answered
    kComputing,  // a message waits or is computed
    kAnswering,  // all is computed, and answers are on their way
  };

  // A call's part in it, for as long as the call lives. Not thread-safe.
  class Call {
   public:
    explicit Call(Drain& drain) : drain_(drain) {}
    ~Call() { Enter(Stage::kOutside); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    // Is called when the call arrives, and admits it unless calls are refused.
    absl::Status Arrive();
    // Notes the stage of a call that was admitted.
    void Enter(Stage stage);

   private:
    Drain& drain_;
    Stage stage_ = Stage::kOutside;
  };

  // Admits no call from here on.
  void RefuseCalls();

  // Waits for the calls: for the computing ones, for arriving ones until two seconds after the last
  // was admitted, for answering ones until five seconds after the last answer was ready. Then, for
  // a second at most, until for a moment there was no call to refuse: clients that call on and on
  // have then been told to go elsewhere. Returns false if there are calls still that were admitted.
  // RefuseCalls() was called.
  bool WaitUntilDone(Clock::time_point deadline);

 private:
  static size_t Index(Stage stage) { return static_cast<size_t>(stage); }
  bool MustWait(Clock::time_point now);
  Clock::time_point LastArrival();
  bool IsDone();

  Mutex mutex_;
  bool refuses_ ABSL_GUARDED_BY(mutex_) = false;
  std::array<int, 4> calls_ ABSL_GUARDED_BY(mutex_) = {};  // by stage
  Clock::time_point last_arrival_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point last_admission_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point last_answer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_DRAIN_H_
