#include "server/rpc/async_service.h"

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "server/rpc/completion_tag.h"
#include "server/rpc/in_flight.h"
#include "server/rpc/unimplemented_stream.h"
#include "server/rpc/worker_pool.h"

namespace lossd::rpc {
namespace {

using v1::LossService;

// One thread each.
constexpr int kQueues = 2;
// Calls of one method that gRPC can hand to one queue before the queue's thread asks for more.
constexpr int kAwaitedCalls = 8;

using RawService = LossService::WithRawMethod_Compute<LossService::WithRawMethod_ComputeStream<
    LossService::WithRawMethod_Compare<LossService::WithRawMethod_ComputeClassWeights<
        LossService::WithRawMethod_MeasureInformation<LossService::WithRawMethod_ListLosses<
            LossService::WithRawMethod_GetServerInfo<LossService::Service>>>>>>>;

std::string MethodName(absl::string_view method) {
  return absl::StrCat(LossService::service_full_name(), "/", method);
}

}  // namespace

class AsyncService::State {
 public:
  State(MethodTable table, AsyncServiceOptions options)
      : in_flight_(options.max_in_flight_bytes),
        on_error_(std::move(options.on_error)),
        workers_(options.worker_count) {
    Serve("Compute", std::move(table.compute), &RawService::RequestCompute);
    Serve("Compare", std::move(table.compare), &RawService::RequestCompare);
    Serve("ComputeClassWeights", std::move(table.compute_class_weights),
          &RawService::RequestComputeClassWeights);
    Serve("MeasureInformation", std::move(table.measure_information),
          &RawService::RequestMeasureInformation);
    Serve("ListLosses", std::move(table.list_losses), &RawService::RequestListLosses);
    Serve("GetServerInfo", std::move(table.get_server_info), &RawService::RequestGetServerInfo);
    stream_ = {MethodName("ComputeStream"), [this](grpc::ServerContext* context, auto* stream,
                                                   grpc::ServerCompletionQueue* queue, void* tag) {
                 service_.RequestComputeStream(context, stream, queue, queue, tag);
               }};
  }

  void Register(grpc::ServerBuilder& builder) {
    builder.RegisterService(&service_);
    for (int i = 0; i < kQueues; ++i) queues_.push_back(builder.AddCompletionQueue());
  }

  void Start() {
    for (const auto& queue : queues_) {
      for (int i = 0; i < kAwaitedCalls; ++i) {
        for (const ServedMethod& method : methods_) UnaryCall::Await(method, *queue, environment_);
        UnimplementedStream::Await(stream_, *queue, environment_);
      }
      threads_.emplace_back([&queue = *queue] { DeliverEvents(queue); });
    }
  }

  bool WaitUntilIdle(absl::Time deadline) { return in_flight_.WaitForNoCalls(deadline); }

  void Stop() {
    // A call that is being computed still needs its queue to end on.
    in_flight_.WaitForNoCalls(absl::InfiniteFuture());
    for (const auto& queue : queues_) queue->Shutdown();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    // A queue must be empty when it goes, also the one of a server that never started.
    for (const auto& queue : queues_) DeliverEvents(*queue);
  }

 private:
  template <typename RequestMember>
  void Serve(absl::string_view name, UnaryMethod answer, RequestMember request_member) {
    methods_.push_back(
        {MethodName(name), std::move(answer),
         [this, request_member](grpc::ServerContext* context, grpc::ByteBuffer* request,
                                grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>* responder,
                                grpc::ServerCompletionQueue* queue, void* tag) {
           (service_.*request_member)(context, request, responder, queue, queue, tag);
         }});
  }

  static void DeliverEvents(grpc::ServerCompletionQueue& queue) {
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) static_cast<CompletionTag*>(tag)->OnEvent(ok);
  }

  InFlight in_flight_;
  const CallErrorObserver on_error_;
  RawService service_;
  std::vector<ServedMethod> methods_;
  UnimplementedMethod stream_;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  // Last, so that they end first.
  WorkerPool workers_;
  std::vector<std::thread> threads_;
  const CallEnvironment environment_{&in_flight_, &workers_, &on_error_};
};

AsyncService::AsyncService(MethodTable table, AsyncServiceOptions options)
    : state_(std::make_unique<State>(std::move(table), std::move(options))) {}

AsyncService::~AsyncService() = default;

void AsyncService::Register(grpc::ServerBuilder& builder) { state_->Register(builder); }

void AsyncService::Start() { state_->Start(); }

bool AsyncService::WaitUntilIdle(absl::Time deadline) { return state_->WaitUntilIdle(deadline); }

void AsyncService::Stop() { state_->Stop(); }

}  // namespace lossd::rpc
