#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_RAW_SERVICE_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_RAW_SERVICE_H_

#include <deque>
#include <map>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/threads/mutex.h"
#include "tests/server/transport/without_grpc/memory_call.h"

namespace lossd::transport {

using RawStream = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

// In the place of the service that gRPC serves: hands calls from memory to those that await them.
class RawService {
 public:
  void RequestCall(int method_index, grpc::ServerContext& context, RawStream& /*stream*/,
                   grpc::ServerCompletionQueue& queue, void* tag) {
    const MutexLock lock(&mutex_);
    if (shut_down_) {
      queue.Put({tag, false});
    } else {
      awaited_[method_index].push_back({&context, &queue, tag});
    }
  }

  // Makes a call of the method arrive, once one is awaited.
  void Start(int method_index, std::shared_ptr<MemoryCall> call) {
    const auto is_awaited = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !awaited_[method_index].empty();
    };
    const MutexLock lock(&mutex_, absl::Condition(&is_awaited));
    const Awaited awaited = awaited_[method_index].front();
    awaited_[method_index].pop_front();
    awaited.context->Begin(std::move(call), *awaited.queue);
    awaited.queue->Put({awaited.tag, true});
  }

  // Calls come no more.
  void Shutdown() {
    const MutexLock lock(&mutex_);
    shut_down_ = true;
    for (const auto& [index, calls] : std::exchange(awaited_, {})) {
      for (const Awaited& awaited : calls) awaited.queue->Put({awaited.tag, false});
    }
  }

 private:
  struct Awaited {
    grpc::ServerContext* context;
    grpc::ServerCompletionQueue* queue;
    void* tag;
  };

  Mutex mutex_;
  std::map<int, std::deque<Awaited>> awaited_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lossd::transport

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_RAW_SERVICE_H_
