#ifndef LOSSD_SERVER_TRANSPORT_GRPC_AWAITED_CALL_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_AWAITED_CALL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/rpc/call.h"
#include "server/rpc/call_filter.h"
#include "server/rpc/call_notes.h"
#include "server/rpc/caller.h"
#include "server/threads/job_lane.h"
#include "server/transport/byte_charge.h"
#include "server/transport/call_deadline.h"
#include "server/transport/call_environment.h"
#include "server/transport/drain.h"
#include "server/transport/grpc/completion_tag.h"
#include "server/transport/grpc/event_queue.h"
#include "server/transport/grpc/grpc_calls.h"
#include "server/transport/grpc/raw_service.h"
#include "server/transport/grpc/served_method.h"
#include "server/transport/grpc/summons.h"

namespace lossd::transport {

// Up to here a request takes less time to answer than a switch to another thread and back.
inline constexpr size_t kSmallRequestBytes = 16 << 10;
// So many operations take about that long. A small request may ask for any number of them.
inline constexpr int64_t kMostOperationsOnQueue = 100'000;

// A call from waiting for it to its end, when it deletes itself: what calls with one message and
// streams have in common. Asks the filters when the call has arrived and tells them when it has
// ended; a stream itself tells them of its messages.
class AwaitedCall : private rpc::CallInfo, protected ChargeOwner {
 public:
  AwaitedCall(const AwaitedCall&) = delete;
  AwaitedCall& operator=(const AwaitedCall&) = delete;

 protected:
  AwaitedCall(const ServedMethod& method, EventQueue& queue, GrpcCalls& calls);
  virtual ~AwaitedCall() = default;

  void AwaitArrival();

  // Makes another call wait in the place of this one, which has arrived.
  virtual void AwaitNext() = 0;
  // One of these begins a call that arrived. Each must start an operation whose event comes to the
  // derived class, which calls DeleteThis() after the last one.
  virtual void OnAdmitted() = 0;
  virtual void OnRefused(absl::Status refused) = 0;
  // gRPC is done with the call, which may still wait for the events of its operations.
  virtual void OnDone() = 0;

  // The call must not go before OnSummons(): an event is on its way. Called with the budget locked.
  virtual void HoldForSummons() = 0;
  // What a charge of this call was told came to the queue's thread, which ends the hold.
  virtual void OnSummons(Summons::Reasons reasons) = 0;

  // Returns what the method may know of the call, while the call lives; it notes what it found in
  // `notes`, if a filter wants that, and asks `admit` for what it takes. Any thread.
  rpc::CallContext Context(rpc::CallNotes& notes,
                           std::function<absl::Status(const rpc::CallWork&)> admit) const;

  // What a charge for one of the call's messages is made of.
  MessageSource source() const;
  ChargeOwner& charge_owner() { return *this; }
  // Who takes turns with others on the workers.
  JobOwner owner() const { return {caller_number(), connection_}; }

  // Ends the call as one whose client does not read, or went away.
  void Cancel() { context_.TryCancel(); }

  // What ends a call: the client cancelled it; its one message did not come, or not soon enough.
  static absl::Status CallCancelled();
  static absl::Status MissingRequest();
  static absl::Status TooSlow();

  // Notes the status that the call ends with. A call that was cancelled by its deadline is
  // DEADLINE_EXCEEDED.
  void NoteEnd(absl::Status status);
  // Does the same and returns the status for the client.
  absl::Status EndWith(absl::Status status);
  // Notes that the client did not get the end of the call: CANCELLED, unless that end is an error.
  void NoteUndelivered();

  // Notes how far the call is, for a server that stops. The derived class sees to it that no two
  // threads do.
  void Enter(Drain::Stage stage) { stay_.Enter(stage); }

  // Adds the costs of a message to the call's, and takes what its method noted, if it did. The
  // derived class sees to it that no two threads do.
  void AddCosts(const rpc::CallCosts& costs) { costs_ += costs; }
  void AddRequestBytes(int64_t bytes) { costs_.request_bytes += bytes; }
  void AddNotes(rpc::CallNotes&& notes);

  // Returns true when nobody waits for the answer. Any thread.
  bool Cancelled() const;

  // Returns an error if the stream is to end, though another message of it has arrived.
  absl::Status CheckMessage() const;

  // Tells the filters that the call has ended, and ends it. Called after the last event, with
  // nothing computing.
  void DeleteThis();

  const rpc::CallInfo& info() const { return *this; }
  const ServedMethod& served_method() const { return method_; }
  GrpcCalls& calls() const { return calls_; }
  CallEnvironment& environment() const { return environment_; }
  RawStream& stream() { return stream_; }
  // The queue that delivers this call's events.
  EventQueue& queue() { return queue_; }

 private:
  absl::string_view method() const override { return method_.name; }
  std::string Peer() const override { return context_.peer(); }
  std::optional<absl::string_view> Metadata(absl::string_view key) const override;
  size_t MetadataCount(absl::string_view key) const override;
  const rpc::Caller* caller() const override { return caller_.get(); }
  absl::string_view Id() const override { return id_; }
  rpc::CallNotes Notes() const override { return notes_; }

  void OnReserved() override { Summon(Summons::kReserved); }
  void OnTimeUp() override { Summon(Summons::kTimeUp); }
  void OnNeeded() override { Summon(Summons::kNeeded); }
  void OnExceeded() override { Summon(Summons::kExceeded); }
  ReceivedBytesCounter CounterOfConnection() const override;
  void Summon(Summons::Reasons reason);
  void OnSummonsEvent(bool ok);

  void OnArrival(bool ok);
  void OnDoneEvent(bool ok);
  void NoteDeadline();
  void NameCall();
  absl::Status Admit();
  uint64_t caller_number() const { return caller_ == nullptr ? 0 : caller_->number; }

  const ServedMethod& method_;
  EventQueue& queue_;
  GrpcCalls& calls_;
  CallEnvironment& environment_;

  grpc::ServerContext context_;
  RawStream stream_;
  bool arrived_ = false;
  CallFilters::Moment arrival_;
  Drain::Call stay_;
  uintptr_t connection_ = 0;
  std::shared_ptr<const rpc::Caller> caller_;
  CallDeadline deadline_;
  std::atomic<bool> cancelled_ = false;
  absl::Status status_;
  rpc::CallCosts costs_;
  std::string id_;
  rpc::CallNotes notes_;

  MemberTag<AwaitedCall, &AwaitedCall::OnArrival> arrival_tag_{this};
  MemberTag<AwaitedCall, &AwaitedCall::OnSummonsEvent> summons_tag_{this};
  Summons summons_;
  MemberTag<AwaitedCall, &AwaitedCall::OnDoneEvent> done_tag_{this};
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_AWAITED_CALL_H_
