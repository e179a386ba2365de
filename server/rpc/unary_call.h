#ifndef LOSSD_SERVER_RPC_UNARY_CALL_H_
#define LOSSD_SERVER_RPC_UNARY_CALL_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_unary_call.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/completion_tag.h"
#include "server/rpc/in_flight.h"
#include "server/rpc/method_table.h"
#include "server/rpc/worker_pool.h"

namespace lossd::rpc {

// Told of every call that ends in an error, with the status as the handler gave it, which may hold
// more than the client sees. Called from several threads at once.
using CallErrorObserver = std::function<void(absl::string_view method, const absl::Status& error)>;

// A method as the machinery serves it.
struct ServedMethod {
  std::string name;  // "lossd.v1.LossService/Compute"
  UnaryMethod answer;
  // The generated service's RequestX: asks for the next call of the method.
  std::function<void(grpc::ServerContext* context, grpc::ByteBuffer* request,
                     grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>* responder,
                     grpc::ServerCompletionQueue* queue, void* tag)>
      request_call;
};

// What all calls share. Nothing is owned; everything outlives the calls.
struct CallEnvironment {
  InFlight* in_flight;
  WorkerPool* workers;
  const CallErrorObserver* on_error;
};

// One call, from waiting for it to its end; it deletes itself. Small requests are answered on the
// queue's thread, at once; large ones on the workers, so that they do not hold up the small.
class UnaryCall {
 public:
  // Waits for a call of `method` on `queue`. When one arrives, another UnaryCall takes its place in
  // waiting.
  static void Await(const ServedMethod& method, grpc::ServerCompletionQueue& queue,
                    const CallEnvironment& environment);

 private:
  UnaryCall(const ServedMethod& method, grpc::ServerCompletionQueue& queue,
            const CallEnvironment& environment);
  ~UnaryCall() = default;

  void OnArrival(bool ok);
  void OnDone(bool ok);
  void OnFinished(bool ok);

  // Computes the answer and sends it.
  void Answer();
  absl::StatusOr<grpc::ByteBuffer> ComputeAnswer();
  void Finish(absl::StatusOr<grpc::ByteBuffer> answer);
  void DeleteAfterLastEvent();

  bool Cancelled() const;
  bool DeadlinePassed() const;

  const ServedMethod& method_;
  grpc::ServerCompletionQueue& queue_;
  const CallEnvironment& environment_;

  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_;
  int64_t admitted_bytes_ = 0;
  std::chrono::system_clock::time_point deadline_ = std::chrono::system_clock::time_point::max();
  std::atomic<bool> cancelled_ = false;
  // gRPC's two events at a call's end come in any order, both on the queue's thread.
  int events_to_come_ = 2;

  MemberTag<UnaryCall, &UnaryCall::OnArrival> arrival_tag_{this};
  MemberTag<UnaryCall, &UnaryCall::OnDone> done_tag_{this};
  MemberTag<UnaryCall, &UnaryCall::OnFinished> finished_tag_{this};
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_UNARY_CALL_H_
