#include "tests/server/transport/without_grpc/memory_server.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "server/transport/grpc/connection_id.h"
#include "server/transport/grpc/served_answers.h"
#include "server/transport/grpc/served_call.h"
#include "server/transport/grpc/served_stream.h"

namespace lossd::transport {
namespace {

constexpr int kQueues = 2;
// Of each method, at each queue.
constexpr int kAwaitedCalls = 4;

}  // namespace

// Each call comes over a connection of its own.
uintptr_t ConnectionId(grpc_call* call) { return reinterpret_cast<uintptr_t>(call); }
std::string AddressOfPeer(absl::string_view) { return ""; }

MemoryServer::MemoryServer(std::vector<rpc::MethodRow> rows, CallEnvironment& environment)
    : calls_(environment) {
  for (rpc::MethodRow& row : rows) {
    methods_.push_back(
        {std::move(row.name), static_cast<int>(methods_.size()), std::move(row.method)});
  }
  for (int i = 0; i < kQueues; ++i) {
    EventQueue& queue = *queues_.emplace_back(
        std::make_unique<EventQueue>(std::make_unique<grpc::ServerCompletionQueue>()));
    for (int j = 0; j < kAwaitedCalls; ++j) {
      for (const ServedMethod& method : methods_) {
        if (std::holds_alternative<rpc::StreamMethod>(method.method)) {
          ServedStream::Await(method, queue, calls_);
        } else if (std::holds_alternative<rpc::AnswersMethod>(method.method)) {
          ServedAnswers::Await(method, queue, calls_);
        } else {
          ServedCall::Await(method, queue, calls_);
        }
      }
    }
  }
  for (const auto& queue : queues_) {
    threads_.emplace_back([&queue = *queue] { queue.DeliverEvents(); });
  }
}

MemoryServer::~MemoryServer() {
  calls_.service.Shutdown();
  calls_.count.WaitForNone(absl::InfiniteFuture());
  calls_.environment.workers.WaitForRunning();
  for (const auto& queue : queues_) queue->queue().Shutdown();
  for (std::thread& thread : threads_) thread.join();
}

std::shared_ptr<MemoryCall> MemoryServer::Start(absl::string_view method, absl::Time deadline,
                                                size_t unread_answers) {
  const auto served = std::find_if(methods_.begin(), methods_.end(),
                                   [&](const ServedMethod& m) { return m.name == method; });
  auto call = std::make_shared<MemoryCall>(deadline, unread_answers);
  calls_.service.Start(served->index, call);
  return call;
}

}  // namespace lossd::transport
