#include "server/transport/open_streams.h"

namespace lossd::transport {

void OpenStreams::Add(Stream& stream) {
  const absl::MutexLock lock(&mutex_);
  streams_.insert(&stream);
  if (draining_) stream.OnDrain();
}

void OpenStreams::Remove(Stream& stream) {
  const absl::MutexLock lock(&mutex_);
  streams_.erase(&stream);
}

void OpenStreams::Drain() {
  const absl::MutexLock lock(&mutex_);
  if (draining_) return;
  draining_ = true;
  for (Stream* stream : streams_) stream->OnDrain();
}

}  // namespace lossd::transport
