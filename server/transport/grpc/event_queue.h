#ifndef LOSSD_SERVER_TRANSPORT_GRPC_EVENT_QUEUE_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_EVENT_QUEUE_H_

#include <memory>
#include <vector>

#include "grpcpp/completion_queue.h"
#include "server/transport/grpc/completion_tag.h"

namespace lossd::transport {

// A completion queue of gRPC's. One thread delivers its events to their CompletionTags.
class EventQueue {
 public:
  explicit EventQueue(std::unique_ptr<grpc::ServerCompletionQueue> queue);

  grpc::ServerCompletionQueue& queue() { return *queue_; }

  // Delivers events until the queue is shut down and empty.
  void DeliverEvents();

  // Calls `tag`, with true, when no event is at hand any more, or after kMostEvents further ones:
  // some things are better done at once for several events. Called from an event of this queue
  // alone.
  void WhenIdle(CompletionTag& tag);

  static constexpr int kMostEvents = 16;

 private:
  bool Next(void** tag, bool* ok);
  void CallIdleTags();

  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::vector<CompletionTag*> idle_tags_;
  int events_until_idle_ = 0;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_EVENT_QUEUE_H_
