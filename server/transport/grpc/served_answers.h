#ifndef LOSSD_SERVER_TRANSPORT_GRPC_SERVED_ANSWERS_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_SERVED_ANSWERS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/call.h"
#include "server/threads/mutex.h"
#include "server/transport/byte_charge.h"
#include "server/transport/call_filters.h"
#include "server/transport/grpc/awaited_call.h"
#include "server/transport/grpc/completion_tag.h"
#include "server/transport/grpc/event_queue.h"
#include "server/transport/open_streams.h"

namespace lossd::transport {

// A call with one message, and many in answer to it. Each is made by the waiters when the one
// before it has left, so that a client that does not read holds the bytes of one and no thread, and
// is ended after the stall timeout. While there is nothing to say, the call is an alarm.
//
// A server that drains ends the call with UNAVAILABLE: at once while it pauses, else after the
// answer that is made or written.
class ServedAnswers final : public AwaitedCall, private OpenStreams::Stream {
 public:
  static void Await(const ServedMethod& method, EventQueue& queue, GrpcCalls& calls);

 private:
  using Next = rpc::AnswerSource::Next;

  enum class Stage {
    kWaiting,  // for room
    kReading,  // the request
    kMaking,   // an answer
    kWriting,  // it
    kPausing,  // until there may be another
    kEnding,   // the end is on its way
  };

  using AwaitedCall::AwaitedCall;
  ~ServedAnswers() override;

  void AwaitNext() override;
  void OnAdmitted() override;
  void OnRefused(absl::Status refused) override;
  void OnDone() override;
  void OnDrain() override;
  bool EndIfIdleSince(OpenStreams::Clock::time_point since) override;
  void HoldForSummons() override { Hold(); }
  void OnSummons(Summons::Reasons reasons) override;

  // Events, on the queue's thread.
  void OnRequest(bool ok);
  void OnWritten(bool ok);
  void OnPaused(bool ok);
  void OnFinished(bool ok);

  void Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeRequest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndWhatTakesTooLong() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Has the next answer made on a waiter's thread.
  void Schedule() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the call with `end` as soon as nothing is under way that has to end before.
  void Stop(absl::Status end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(absl::Status end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write(const grpc::ByteBuffer& answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Pause(absl::Duration delay) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Makes what comes next and goes on with that, on a waiter's thread.
  void Make() ABSL_LOCKS_EXCLUDED(mutex_);
  // An exception is an INTERNAL error.
  absl::StatusOr<Next> MakeNext();
  absl::Status Open(const rpc::CallContext& context);
  // Reserves bytes for another answer. Returns false when there is no room.
  bool ReserveNext();
  void GoOn(absl::StatusOr<Next> next, CallFilters::Moment begin) ABSL_LOCKS_EXCLUDED(mutex_);
  // Tells the filters of an answer of so many bytes.
  void TellAnswer(int64_t bytes, CallFilters::Moment begin) ABSL_LOCKS_EXCLUDED(mutex_);

  // Operations and waiters hold the call as long as they may touch it. The last one deletes it.
  void Hold() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void LetGo();

  std::atomic<int> holders_ = 1;  // at first OnDone() alone
  Mutex mutex_;
  Stage stage_ ABSL_GUARDED_BY(mutex_) = Stage::kWaiting;
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);  // once the call is to end
  bool misses_request_ ABSL_GUARDED_BY(mutex_) = false;
  OpenStreams::Clock::time_point last_progress_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Alarm> alarm_ ABSL_GUARDED_BY(mutex_);

  // Of the waiter while it makes an answer, and with the mutex else.
  std::optional<ByteCharge> charge_;
  grpc::ByteBuffer request_;
  int64_t request_bytes_ = 0;  // that the filters were not told of
  CallFilters::Moment scheduled_;
  std::unique_ptr<rpc::AnswerSource> source_;
  bool reserved_ = false;  // for an answer
  bool no_room_ = false;   // for what the source asked for

  MemberTag<ServedAnswers, &ServedAnswers::OnRequest> request_tag_{this};
  MemberTag<ServedAnswers, &ServedAnswers::OnWritten> written_tag_{this};
  MemberTag<ServedAnswers, &ServedAnswers::OnPaused> paused_tag_{this};
  MemberTag<ServedAnswers, &ServedAnswers::OnFinished> finished_tag_{this};
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_SERVED_ANSWERS_H_
