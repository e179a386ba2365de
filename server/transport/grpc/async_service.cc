#include "server/transport/grpc/async_service.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/threads/worker_pool.h"
#include "server/transport/admission.h"
#include "server/transport/call_count.h"
#include "server/transport/grpc/event_queue.h"
#include "server/transport/grpc/health_service.h"
#include "server/transport/grpc/raw_service.h"
#include "server/transport/grpc/served_call.h"
#include "server/transport/grpc/served_stream.h"
#include "server/transport/open_streams.h"

namespace lossd::rpc {
namespace {

// A queue's thread reads what arrives on its connections, about as fast as two threads compute it.
// No more of them than that takes: of several threads one polls for all, and at every event it
// first wakes the next to poll on, which a small call waits for.
constexpr int kWorkersPerQueue = 2;
constexpr int kMostQueues = 8;
// Calls of one method that gRPC can hand to one queue before the queue's thread asks for more.
constexpr int kAwaitedCalls = 32;

int QueueCount(int worker_count) {
  return std::clamp(worker_count / kWorkersPerQueue, 1, kMostQueues);
}

}  // namespace

class AsyncService::State {
 public:
  State(MethodTable table, AsyncServiceOptions options)
      : admission_(options.max_in_flight_bytes),
        queue_count_(QueueCount(options.worker_count)),
        on_error_(std::move(options.on_error)),
        workers_(options.worker_count),
        environment_{&service_, &calls_,   &admission_, &streams_, options.max_stream_window,
                     &workers_, &on_error_} {
    Serve("Compute", std::move(table.compute));
    Serve("ComputeStream", std::move(table.compute_stream), ServedStream::Await);
    Serve("Compare", std::move(table.compare));
    Serve("ComputeClassWeights", std::move(table.compute_class_weights));
    Serve("MeasureInformation", std::move(table.measure_information));
    Serve("ListLosses", std::move(table.list_losses));
    Serve("GetServerInfo", std::move(table.get_server_info));
  }

  void Register(grpc::ServerBuilder& builder) {
    builder.RegisterService(&service_);
    health_.Register(builder);
    for (int i = 0; i < queue_count_; ++i) {
      queues_.push_back(std::make_unique<EventQueue>(builder.AddCompletionQueue()));
    }
  }

  void Start() {
    health_.Start(*queues_.front());
    for (const auto& queue : queues_) {
      for (int i = 0; i < kAwaitedCalls; ++i) {
        for (const ServedMethod& method : methods_) {
          method.await(method, *queue, environment_);
        }
      }
      threads_.emplace_back([&queue = *queue] { queue.DeliverEvents(); });
    }
  }

  void StopServing() { health_.StopServing(); }

  bool Drain(absl::Time deadline) {
    admission_.Drain();
    streams_.Drain();
    return admission_.WaitUntilDrained(deadline);
  }

  bool WaitForCalls(absl::Time deadline) { return calls_.WaitForNone(deadline); }

  void Stop() {
    // A call that is being computed still needs its queue to end on.
    calls_.WaitForNone(absl::InfiniteFuture());
    health_.WaitForCalls();
    for (const auto& queue : queues_) queue->queue().Shutdown();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    // A queue must be empty when it goes, also the one of a server that never started.
    for (const auto& queue : queues_) queue->DeliverEvents();
  }

 private:
  void Serve(const char* name, UnaryMethod answer,
             decltype(ServedMethod::await) await = ServedCall::Await) {
    const google::protobuf::MethodDescriptor& method =
        *LossServiceDescriptor().FindMethodByName(name);
    methods_.push_back({absl::StrCat(LossServiceDescriptor().full_name(), "/", name),
                        method.index(), std::move(answer), await});
  }

  CallCount calls_;
  Admission admission_;
  OpenStreams streams_;
  const int queue_count_;
  const CallErrorObserver on_error_;
  RawService service_;
  HealthService health_;
  std::vector<ServedMethod> methods_;
  std::vector<std::unique_ptr<EventQueue>> queues_;
  // Last, so that they end first.
  WorkerPool workers_;
  std::vector<std::thread> threads_;
  const CallEnvironment environment_;
};

AsyncService::AsyncService(MethodTable table, AsyncServiceOptions options)
    : state_(std::make_unique<State>(std::move(table), std::move(options))) {}

AsyncService::~AsyncService() = default;

void AsyncService::Register(grpc::ServerBuilder& builder) { state_->Register(builder); }

void AsyncService::Start() { state_->Start(); }

void AsyncService::StopServing() { state_->StopServing(); }

bool AsyncService::Drain(absl::Time deadline) { return state_->Drain(deadline); }

bool AsyncService::WaitForCalls(absl::Time deadline) { return state_->WaitForCalls(deadline); }

void AsyncService::Stop() { state_->Stop(); }

}  // namespace lossd::rpc
