#ifndef LOSSD_SERVER_TRANSPORT_OPEN_STREAMS_H_
#define LOSSD_SERVER_TRANSPORT_OPEN_STREAMS_H_

#include <unordered_set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace lossd::transport {

// Streams stay open for as long as their clients like, so a server that drains has to tell them.
// Thread-safe.
class OpenStreams {
 public:
  class Stream {
   public:
    // No further requests are to be taken. Called once at most, from any thread, between Add() and
    // Remove() of the stream, which must not be called from it.
    virtual void OnDrain() = 0;

   protected:
    ~Stream() = default;
  };

  // Calls OnDrain() when the server drains, at once if it does already.
  void Add(Stream& stream);
  // OnDrain() is not called any more once this returns. Of a stream that may not have been added.
  void Remove(Stream& stream);

  void Drain();

 private:
  absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::unordered_set<Stream*> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_OPEN_STREAMS_H_
