#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_MEMORY_SERVER_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_MEMORY_SERVER_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/rpc/call.h"
#include "server/transport/call_environment.h"
#include "server/transport/grpc/event_queue.h"
#include "server/transport/grpc/grpc_calls.h"
#include "server/transport/grpc/served_method.h"
#include "tests/server/transport/without_grpc/memory_call.h"

namespace lossd::transport {

// The transport's queues, calls and streams, whose clients are in the same process.
class MemoryServer {
 public:
  // Two queues, so that calls run side by side on those, too.
  MemoryServer(std::vector<rpc::MethodRow> rows, CallEnvironment& environment);
  // Waits for the calls to end.
  ~MemoryServer();
  MemoryServer(const MemoryServer&) = delete;
  MemoryServer& operator=(const MemoryServer&) = delete;

  // Starts a call, whose client has room for so many answers that it has not received.
  std::shared_ptr<MemoryCall> Start(absl::string_view method,
                                    absl::Time deadline = absl::InfiniteFuture(),
                                    size_t unread_answers = 4);

 private:
  GrpcCalls calls_;
  std::vector<ServedMethod> methods_;
  std::vector<std::unique_ptr<EventQueue>> queues_;
  std::vector<std::thread> threads_;
};

}  // namespace lossd::transport

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_MEMORY_SERVER_H_
