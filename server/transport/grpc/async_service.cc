#include "server/transport/grpc/async_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "server/transport/grpc/raw_service.h"
#include "server/transport/grpc/served_answers.h"
#include "server/transport/grpc/served_call.h"
#include "server/transport/grpc/served_stream.h"

namespace lossd::transport {
namespace {

// A queue's thread reads what arrives on its connections, about as fast as two threads compute it.
// There are no more queues than that takes: of several threads one polls for all, and at every
// event it first wakes the next to poll on, which a small call waits for.
constexpr int kWorkersPerQueue = 2;
constexpr int kMostQueues = 8;
// The calls of one method that gRPC can hand to one queue before the queue's thread asks for more:
// of those that a training makes, and of the others.
constexpr int kAwaitedCalls = 32;
constexpr int kFewAwaitedCalls = 4;
// A client that reads is told of a call's end within a round trip; one that does not read is not
// waited for.
constexpr absl::Duration kMoment = absl::Seconds(1);

std::vector<std::string> ServiceNames(Reflection reflection) {
  std::vector<std::string> names = ServedServices();
  names.emplace_back(grpc::health::v1::Health::service_full_name());
  if (reflection == Reflection::kOn) names.emplace_back(ReflectionService::name());
  return names;
}

int AwaitedCalls(const ServedMethod& method) {
  const bool is_of_training = absl::StartsWith(method.name, ServedServices().front() + "/");
  return is_of_training ? kAwaitedCalls : kFewAwaitedCalls;
}

int QueueCount(int worker_count) {
  return std::clamp(worker_count / kWorkersPerQueue, 1, kMostQueues);
}

}  // namespace

AsyncService::AsyncService(std::vector<ServedMethod> methods, CallEnvironment& environment,
                           Reflection reflection)
    : methods_(std::move(methods)), calls_(environment), health_(ServiceNames(reflection)) {
  if (reflection == Reflection::kOff) return;
  reflection_.emplace(environment.filters, ServiceNames(reflection));
}

void AsyncService::Register(grpc::ServerBuilder& builder) {
  calls_.service.Register(builder);
  health_.Register(builder);
  if (reflection_) reflection_->Register(builder);
  const int queue_count = QueueCount(calls_.environment.workers.thread_count());
  for (int i = 0; i < queue_count; ++i) {
    queues_.push_back(std::make_unique<EventQueue>(builder.AddCompletionQueue()));
  }
}

void AsyncService::Start(std::shared_ptr<ConnectionTable> connections) {
  calls_.connections = std::move(connections);
  health_.Start(*queues_.front());
  if (reflection_) reflection_->Start(*queues_.front());
  for (const auto& queue : queues_) {
    for (const ServedMethod& method : methods_) {
      const int calls = AwaitedCalls(method);
      for (int i = 0; i < calls; ++i) Await(method, *queue);
    }
    threads_.emplace_back([&queue = *queue] { queue.DeliverEvents(); });
  }
}

void AsyncService::Await(const ServedMethod& method, EventQueue& queue) {
  if (std::holds_alternative<rpc::StreamMethod>(method.method)) {
    ServedStream::Await(method, queue, calls_);
  } else if (std::holds_alternative<rpc::AnswersMethod>(method.method)) {
    ServedAnswers::Await(method, queue, calls_);
  } else {
    ServedCall::Await(method, queue, calls_);
  }
}

void AsyncService::StopServing() { health_.StopServing(); }

void AsyncService::EndWatches() { health_.EndWatches(absl::Now() + kMoment); }

void AsyncService::WaitForCalls() { calls_.count.WaitForNone(absl::Now() + kMoment); }

void AsyncService::Stop() {
  // A call that is being computed still needs its queue to end on, and a worker returns through
  // gRPC from the call that it has ended.
  calls_.count.WaitForNone(absl::InfiniteFuture());
  calls_.environment.WaitForRunning();
  health_.WaitForCalls();
  if (reflection_) reflection_->WaitForCalls();
  for (const auto& queue : queues_) queue->queue().Shutdown();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  // A queue must be empty when it goes, also the one of a server that never started.
  for (const auto& queue : queues_) queue->DeliverEvents();
}

}  // namespace lossd::transport
