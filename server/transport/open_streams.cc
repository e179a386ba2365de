#include "server/transport/open_streams.h"

namespace lossd::transport {

void OpenStreams::Add(Stream& stream) {
  const MutexLock lock(&mutex_);
  streams_.insert(&stream);
  if (draining_) stream.OnDrain();
}

void OpenStreams::Remove(Stream& stream) {
  const MutexLock lock(&mutex_);
  streams_.erase(&stream);
}

int OpenStreams::EndIdleSince(Clock::time_point since) {
  const MutexLock lock(&mutex_);
  int busy = 0;
  for (Stream* stream : streams_) {
    if (stream->EndIfIdleSince(since)) ++busy;
  }
  return busy;
}

void OpenStreams::Drain() {
  const MutexLock lock(&mutex_);
  if (draining_) return;
  draining_ = true;
  for (Stream* stream : streams_) stream->OnDrain();
}

}  // namespace lossd::transport
