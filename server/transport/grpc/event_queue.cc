#include "server/transport/grpc/event_queue.h"

#include <chrono>
#include <utility>

#include "server/threads/hand_over.h"

namespace lossd::transport {

EventQueue::EventQueue(std::unique_ptr<grpc::ServerCompletionQueue> queue)
    : queue_(std::move(queue)) {}

void EventQueue::DeliverEvents() {
  void* tag = nullptr;
  bool ok = false;
  while (Next(&tag, &ok)) {
    TakeOver(tag);
    static_cast<CompletionTag*>(tag)->OnEvent(ok);
  }
}

void EventQueue::WhenIdle(CompletionTag& tag) {
  if (idle_tags_.empty()) events_until_idle_ = kMostEvents;
  idle_tags_.push_back(&tag);
}

bool EventQueue::Next(void** tag, bool* ok) {
  constexpr std::chrono::system_clock::time_point kDoNotWait;
  while (!idle_tags_.empty()) {
    if (--events_until_idle_ >= 0) {
      const auto status = queue_->AsyncNext(tag, ok, kDoNotWait);
      if (status != grpc::CompletionQueue::TIMEOUT) {
        return status == grpc::CompletionQueue::GOT_EVENT;
      }
    }
    CallIdleTags();
  }
  return queue_->Next(tag, ok);
}

void EventQueue::CallIdleTags() {
  const std::vector<CompletionTag*> tags = std::exchange(idle_tags_, {});
  for (CompletionTag* tag : tags) tag->OnEvent(true);
}

}  // namespace lossd::transport
