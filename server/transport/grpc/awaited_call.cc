#include "server/transport/grpc/awaited_call.h"

#include <chrono>
#include <utility>

#include "server/rpc/errors/status.h"
#include "server/threads/coarse_clock.h"
#include "server/transport/grpc/call_metadata.h"
#include "server/transport/grpc/connection_id.h"

namespace lossd::transport {
namespace {

// The trailing metadata that tells a client the name of its call.
constexpr char kCallIdKey[] = "lossd-call-id";

}  // namespace

AwaitedCall::AwaitedCall(const ServedMethod& method, EventQueue& queue, GrpcCalls& calls)
    : method_(method),
      queue_(queue),
      calls_(calls),
      environment_(calls.environment),
      stream_(&context_),
      stay_(environment_.drain),
      summons_(queue, summons_tag_) {
  calls_.count.Add();
  context_.AsyncNotifyWhenDone(&done_tag_);
}

void AwaitedCall::AwaitArrival() {
  calls_.service.RequestCall(method_.index, context_, stream_, queue_.queue(), &arrival_tag_);
}

void AwaitedCall::OnArrival(bool ok) {
  if (!ok) {  // The server shuts down; no other event will come.
    DeleteThis();
    return;
  }
  AwaitNext();
  arrived_ = true;
  arrival_ = environment_.filters.Now();
  NoteDeadline();
  if (environment_.filters.want_ids()) NameCall();
  if (absl::Status refused = Admit(); !refused.ok()) {
    OnRefused(std::move(refused));
    return;
  }
  connection_ = ConnectionId(context_.c_call());
  OnAdmitted();
}

void AwaitedCall::NoteDeadline() {
  const auto deadline = context_.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return;
  deadline_ =
      CallDeadline(deadline, std::chrono::system_clock::now(), std::chrono::steady_clock::now());
}

void AwaitedCall::NameCall() {
  id_ = environment_.call_ids.Next();
  context_.AddTrailingMetadata(kCallIdKey, id_);
}

absl::Status AwaitedCall::Admit() {
  absl::Status refused = environment_.filters.Identify(*this, caller_);
  refused.Update(environment_.filters.Arrived(*this));
  if (!refused.ok()) return refused;
  return stay_.Arrive();
}

void AwaitedCall::OnDoneEvent(bool) {
  if (context_.IsCancelled()) cancelled_.store(true, std::memory_order_relaxed);
  OnDone();
}

void AwaitedCall::Summon(Summons::Reasons reason) {
  if (!summons_.Add(reason)) return;
  HoldForSummons();
  summons_.Send();
}

ReceivedBytesCounter AwaitedCall::CounterOfConnection() const {
  std::string address = AddressOfPeer(context_.peer());
  if (calls_.connections == nullptr || address.empty()) return nullptr;
  return [connections = calls_.connections, address = std::move(address)] {
    return connections->ReceivedFrom(address);
  };
}

void AwaitedCall::OnSummonsEvent(bool) { OnSummons(summons_.Take()); }

MessageSource AwaitedCall::source() const {
  return {connection_, static_cast<size_t>(method_.index), caller_number()};
}

rpc::CallContext AwaitedCall::Context(
    rpc::CallNotes& notes, std::function<absl::Status(const rpc::CallWork&)> admit) const {
  return {[this] { return Cancelled(); }, std::move(admit),
          environment_.filters.want_notes() ? &notes : nullptr, caller_.get()};
}

void AwaitedCall::AddNotes(rpc::CallNotes&& notes) {
  if (notes.losses.empty() && notes.shape.empty()) return;
  notes_ = std::move(notes);
}

absl::Status AwaitedCall::CallCancelled() { return absl::CancelledError("the call was cancelled"); }

absl::Status AwaitedCall::MissingRequest() {
  return rpc::WithErrorInfo(
      absl::InvalidArgumentError("the request message is missing or incomplete"),
      "MALFORMED_REQUEST");
}

absl::Status AwaitedCall::TooSlow() {
  return absl::CancelledError(
      "the request took longer to arrive than --stall-timeout and a second for each MiB");
}

void AwaitedCall::NoteEnd(absl::Status status) {
  if (absl::IsCancelled(status) && deadline_.Passed(std::chrono::steady_clock::now())) {
    status = absl::DeadlineExceededError("the call's deadline passed");
  }
  status_ = std::move(status);
}

absl::Status AwaitedCall::EndWith(absl::Status status) {
  NoteEnd(std::move(status));
  return status_;
}

void AwaitedCall::NoteUndelivered() {
  if (status_.ok()) NoteEnd(CallCancelled());
}

bool AwaitedCall::Cancelled() const {
  return cancelled_.load(std::memory_order_relaxed) ||
         (deadline_.CanPass() && deadline_.Passed(CoarseNow()));
}

absl::Status AwaitedCall::CheckMessage() const {
  if (caller_ == nullptr) return absl::OkStatus();
  return environment_.filters.MessageArrived(*this);
}

std::optional<absl::string_view> AwaitedCall::Metadata(absl::string_view key) const {
  return FindMetadata(context_, key);
}

size_t AwaitedCall::MetadataCount(absl::string_view key) const {
  return CountMetadata(context_, key);
}

void AwaitedCall::DeleteThis() {
  if (arrived_) {
    costs_.lasted = environment_.filters.Now() - arrival_;
    environment_.filters.Ended(*this, status_, costs_);
  }
  CallCount& count = calls_.count;
  delete this;
  count.Remove();
}

}  // namespace lossd::transport
