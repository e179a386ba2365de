#ifndef LOSSD_SERVER_TRANSPORT_GRPC_AWAITED_CALL_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_AWAITED_CALL_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/method_table.h"
#include "server/threads/worker_pool.h"
#include "server/transport/admission.h"
#include "server/transport/call_count.h"
#include "server/transport/grpc/completion_tag.h"
#include "server/transport/grpc/event_queue.h"
#include "server/transport/grpc/raw_service.h"
#include "server/transport/open_streams.h"

namespace lossd::rpc {

// Told of every call that ends in an error, and of every message of a stream that is answered with
// one, with the status as the handler gave it, which may hold more than the client sees. Called
// from several threads at once.
using CallErrorObserver = std::function<void(absl::string_view method, const absl::Status& error)>;

// Up to here a request takes less time to answer than a switch to another thread and back.
inline constexpr size_t kSmallRequestBytes = 16 << 10;

struct CallEnvironment;

struct ServedMethod {
  std::string name;    // "lossd.v1.LossService/Compute"
  int index = 0;       // RawService's
  UnaryMethod answer;  // of a call's only message, or of each
  // Waits for a call of `method` on `queue`. When one arrives, another takes its place in waiting.
  void (*await)(const ServedMethod& method, EventQueue& queue,
                const CallEnvironment& environment) = nullptr;
};

// What all calls share. Nothing is owned; everything outlives the calls.
struct CallEnvironment {
  RawService* service;
  CallCount* calls;  // those that are waited for included
  Admission* admission;
  OpenStreams* streams;
  int max_stream_window;
  WorkerPool* workers;
  const CallErrorObserver* on_error;
};

// A call from waiting for it to its end, when it deletes itself: what calls with one message and
// streams have in common.
class AwaitedCall {
 public:
  AwaitedCall(const AwaitedCall&) = delete;
  AwaitedCall& operator=(const AwaitedCall&) = delete;

 protected:
  AwaitedCall(const ServedMethod& method, EventQueue& queue, const CallEnvironment& environment);
  virtual ~AwaitedCall() = default;

  void AwaitArrival();

  // One of these begins a call that arrived; it is to end with an event of the derived class's own.
  virtual void OnAdmitted() = 0;
  virtual void OnRefused(absl::Status refused) = 0;
  // gRPC is done with the call, which may still wait for the events of its operations.
  virtual void OnDone() = 0;

  // What the method answers; an exception is an INTERNAL error. Any thread.
  absl::StatusOr<grpc::ByteBuffer> Answer(grpc::ByteBuffer& request);

  // Tells the observer. The error that is for the client: a call that was cancelled by its deadline
  // is DEADLINE_EXCEEDED.
  absl::Status Report(absl::Status error) const;

  // Nobody waits for the answer. Any thread.
  bool Cancelled() const;

  // After the last event, with nothing computing.
  void DeleteThis();

  const CallEnvironment& environment() const { return environment_; }
  RawStream& stream() { return stream_; }
  // Its events are this call's.
  EventQueue& queue() { return queue_; }

 private:
  void OnArrival(bool ok);
  void OnDoneEvent(bool ok);
  bool DeadlinePassed() const;

  const ServedMethod& method_;
  EventQueue& queue_;
  const CallEnvironment& environment_;

  grpc::ServerContext context_;
  RawStream stream_;
  bool admitted_ = false;
  std::chrono::system_clock::time_point deadline_;
  std::atomic<bool> cancelled_ = false;

  MemberTag<AwaitedCall, &AwaitedCall::OnArrival> arrival_tag_{this};
  MemberTag<AwaitedCall, &AwaitedCall::OnDoneEvent> done_tag_{this};
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_AWAITED_CALL_H_
