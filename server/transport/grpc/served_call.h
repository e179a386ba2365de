#ifndef LOSSD_SERVER_TRANSPORT_GRPC_SERVED_CALL_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_SERVED_CALL_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/transport/byte_charge.h"
#include "server/transport/call_filters.h"
#include "server/transport/grpc/awaited_call.h"
#include "server/transport/grpc/completion_tag.h"
#include "server/transport/grpc/event_queue.h"

namespace lossd::transport {

// A call with one message each way. The message stays with the client until it fits the budget.
// Small requests are answered on the queue's thread, at once; large ones, and small ones that turn
// out to be much work, on the workers, so that they do not hold up the others. What their methods
// leave because it waits for others is done by the waiters.
class ServedCall final : public AwaitedCall {
 public:
  static void Await(const ServedMethod& method, EventQueue& queue, GrpcCalls& calls);

 private:
  using AwaitedCall::AwaitedCall;
  ~ServedCall() override = default;

  void AwaitNext() override;
  void OnAdmitted() override;
  void OnRefused(absl::Status refused) override;
  void OnDone() override;
  void HoldForSummons() override { Hold(); }
  void OnSummons(Summons::Reasons reasons) override;

  // gRPC's events of a call that arrived, the last of them and OnDone() in any order; all on the
  // queue's thread.
  void OnRequest(bool ok);
  void OnFinished(bool ok);

  void Read();
  // Ends a call whose request does not come, or not soon enough.
  void GiveUp(absl::Status error);
  void EndWhatTakesTooLong();
  // Computes the answer and sends it, there or on a worker if it turns out to be much work.
  void RespondOnQueue();
  void RespondOnWorker(int64_t work);
  void Respond();
  // Runs what the method has left of the answer.
  void RespondWithRest();
  void Send(absl::Status status, const grpc::ByteBuffer& response);
  // Makes `response` the method's answer to the request. An exception is an INTERNAL error.
  absl::Status Answer(grpc::ByteBuffer& response);
  // Lets the method take what it asks for, if that is there.
  absl::Status Admit(const rpc::CallWork& work);
  // Ends the call with an error.
  void Refuse(absl::Status error);

  // What has to come before the call may go: its end, OnDone(), and some events between.
  void Hold() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void LetGo();

  enum class Stage {
    kWaiting,    // for room
    kReading,    // the request
    kComputing,  // the answer
    kEnding,     // the answer or an error is on its way
  };
  // Of the queue's thread, but for the change to kEnding after computing.
  std::atomic<Stage> stage_ = Stage::kWaiting;

  std::optional<ByteCharge> charge_;
  grpc::ByteBuffer request_;
  CallFilters::Moment request_arrival_;
  CallFilters::Moment begin_;  // of computing
  rpc::Rest rest_;
  bool misses_request_ = false;
  bool on_queue_ = false;  // what is computed is computed there
  bool is_much_ = false;   // and was not, because it is much work
  int64_t operations_ = 0;
  uint64_t ticket_ = 0;  // of the workers; of the queue's thread
  std::atomic<int> holders_ = 2;

  MemberTag<ServedCall, &ServedCall::OnRequest> request_tag_{this};
  MemberTag<ServedCall, &ServedCall::OnFinished> finished_tag_{this};
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_SERVED_CALL_H_
