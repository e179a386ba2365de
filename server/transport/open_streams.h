#ifndef LOSSD_SERVER_TRANSPORT_OPEN_STREAMS_H_
#define LOSSD_SERVER_TRANSPORT_OPEN_STREAMS_H_

#include <chrono>
#include <unordered_set>

#include "absl/base/thread_annotations.h"
#include "server/threads/mutex.h"

namespace lossd::transport {

// The streams that are open. They stay so for as long as their clients like, so a server that
// drains has to tell them. Thread-safe.
class OpenStreams {
 public:
  using Clock = std::chrono::steady_clock;

  class Stream {
   public:
    // Takes no further requests. Called once at most, from any thread, between Add() and Remove()
    // of the stream; must call neither.
    virtual void OnDrain() = 0;

    // Takes no further requests if none was in flight since `since`. Returns whether it goes on:
    // something is computed, or was read or answered since then. Any thread, as OnDrain().
    virtual bool EndIfIdleSince(Clock::time_point since) = 0;

   protected:
    ~Stream() = default;
  };

  // Calls the stream's OnDrain() when the server drains; at once if it does already.
  void Add(Stream& stream);
  // When this has returned, OnDrain() is not called any more. The stream need not have been added.
  void Remove(Stream& stream);

  // Ends those that were idle since `since`, and returns how many go on.
  int EndIdleSince(Clock::time_point since);

  void Drain();

 private:
  Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::unordered_set<Stream*> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_OPEN_STREAMS_H_
