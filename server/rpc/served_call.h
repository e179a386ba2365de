#ifndef LOSSD_SERVER_RPC_SERVED_CALL_H_
#define LOSSD_SERVER_RPC_SERVED_CALL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/admission.h"
#include "server/rpc/call_count.h"
#include "server/rpc/completion_tag.h"
#include "server/rpc/method_table.h"
#include "server/rpc/raw_service.h"
#include "server/rpc/worker_pool.h"

namespace lossd::rpc {

// Told of every call that ends in an error, with the status as the handler gave it, which may hold
// more than the client sees. Called from several threads at once.
using CallErrorObserver = std::function<void(absl::string_view method, const absl::Status& error)>;

struct ServedMethod {
  std::string name;    // "lossd.v1.LossService/Compute"
  int index = 0;       // RawService's
  UnaryMethod answer;  // empty: the method is declared and not built
};

// What all calls share. Nothing is owned; everything outlives the calls.
struct CallEnvironment {
  RawService* service;
  CallCount* calls;  // those that are waited for included
  Admission* admission;
  WorkerPool* workers;
  const CallErrorObserver* on_error;
};

// One call, from waiting for it to its end; it deletes itself. Small requests are answered on the
// queue's thread, at once; large ones on the workers, so that they do not hold up the small.
class ServedCall {
 public:
  // Waits for a call of `method` on `queue`. When one arrives, another ServedCall takes its place
  // in waiting.
  static void Await(const ServedMethod& method, grpc::ServerCompletionQueue& queue,
                    const CallEnvironment& environment);

 private:
  ServedCall(const ServedMethod& method, grpc::ServerCompletionQueue& queue,
             const CallEnvironment& environment);
  ~ServedCall() = default;

  // gRPC's events. A call that arrived has the other three, the last two in any order; all of them
  // on the queue's thread.
  void OnArrival(bool ok);
  void OnRequest(bool ok);
  void OnFinished(bool ok);
  void OnDone(bool ok);

  // Computes the answer and sends it.
  void Answer();
  absl::StatusOr<grpc::ByteBuffer> ComputeAnswer();
  void Finish(absl::StatusOr<grpc::ByteBuffer> answer);
  void DeleteAfterLastEvent();
  void Delete();

  bool Cancelled() const;
  bool DeadlinePassed() const;

  const ServedMethod& method_;
  grpc::ServerCompletionQueue& queue_;
  const CallEnvironment& environment_;

  grpc::ServerContext context_;
  RawStream stream_;
  grpc::ByteBuffer request_;
  bool admitted_ = false;
  int64_t admitted_bytes_ = 0;
  std::chrono::system_clock::time_point deadline_;
  std::atomic<bool> cancelled_ = false;
  int last_events_ = 2;

  MemberTag<ServedCall, &ServedCall::OnArrival> arrival_tag_{this};
  MemberTag<ServedCall, &ServedCall::OnRequest> request_tag_{this};
  MemberTag<ServedCall, &ServedCall::OnFinished> finished_tag_{this};
  MemberTag<ServedCall, &ServedCall::OnDone> done_tag_{this};
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_SERVED_CALL_H_
