#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_ALARM_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_ALARM_H_

#include "grpcpp/completion_queue.h"

namespace grpc {

class Alarm {
 public:
  // Alarms of this project say that something is there, or are to be asked again: they go off at
  // once.
  template <typename Time>
  void Set(CompletionQueue* queue, const Time& /*deadline*/, void* tag) {
    queue->Put({tag, true});
  }
  void Cancel() {}
};

}  // namespace grpc

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_ALARM_H_
