#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_COMPLETION_QUEUE_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_COMPLETION_QUEUE_H_

#include <chrono>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/threads/mutex.h"

namespace grpc {

class CompletionQueue {
 public:
  // NOLINTNEXTLINE(readability-identifier-naming): the names are gRPC's.
  enum NextStatus { SHUTDOWN, GOT_EVENT, TIMEOUT };

  bool Next(void** tag, bool* ok) {
    return Take(tag, ok, absl::InfiniteFuture()) == NextStatus::GOT_EVENT;
  }
  NextStatus AsyncNext(void** tag, bool* ok, std::chrono::system_clock::time_point deadline) {
    return Take(tag, ok, absl::FromChrono(deadline));
  }
  void Shutdown() {
    const lossd::MutexLock lock(&mutex_);
    shut_down_ = true;
  }

  // An operation that has ended, and what it read: gRPC hands that over as the event is taken, on
  // the thread that takes it.
  struct Event {
    void* tag;
    bool ok;
    ByteBuffer* target = nullptr;
    ByteBuffer message = {};
  };
  void Put(Event event) {
    const lossd::MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
  }

 private:
  NextStatus Take(void** tag, bool* ok, absl::Time deadline) {
    const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !events_.empty() || shut_down_;
    };
    const lossd::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithDeadline(absl::Condition(&has_news), deadline)) {
      return NextStatus::TIMEOUT;
    }
    if (events_.empty()) return NextStatus::SHUTDOWN;
    Event event = std::move(events_.front());
    events_.pop_front();
    if (event.target != nullptr) event.target->Swap(&event.message);
    *tag = event.tag;
    *ok = event.ok;
    return NextStatus::GOT_EVENT;
  }

  lossd::Mutex mutex_;
  std::deque<Event> events_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

class ServerCompletionQueue final : public CompletionQueue {};

}  // namespace grpc

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_COMPLETION_QUEUE_H_
