#ifndef LOSSD_SERVER_TRANSPORT_GRPC_SERVED_STREAM_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_SERVED_STREAM_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
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

// A call with a message for each batch, many of them in flight, answered in order.
//
// A batch is in flight from when it is read until its answer is written. While the window is full
// the stream reads no further, gRPC's flow control holds up the client, and the server holds no
// more than the window for a client that does not read its answers.
//
// The bytes in flight are bounded over all calls (see ByteBudget). The stream reads a batch only
// after it has reserved bytes for it and its answer: a training job gets slower under load and
// loses no batch. It reserves as much as the last batch took or the largest in flight, and the next
// batch may take more. If that one finds no room, it waits until a batch of its stream has been
// answered, and the stream reads no further meanwhile; with none in flight it is answered with
// UNAVAILABLE, as a unary call is.
//
// With nothing in flight the stream waits for its turn among all calls. An idle one gives up what
// it reserved when others wait for it, and ends with UNAVAILABLE if it is not known what it will
// send.
//
// Small batches are computed on the queue's thread, at once; large ones on the workers, side by
// side. Small answers that follow each other closely go out together: a system call and a packet
// for each would cost about as much as it takes to compute it.
//
// A server that drains lets the stream answer what it has read, then ends it with UNAVAILABLE. A
// message whose read ends after the drain began is dropped. The client sees by the answers which
// batches to send to another server.
class ServedStream final : public AwaitedCall, private OpenStreams::Stream {
 public:
  static void Await(const ServedMethod& method, EventQueue& queue, GrpcCalls& calls);

 private:
  // A message in flight.
  struct Batch {
    grpc::ByteBuffer bytes;  // the request, then the answer
    CallFilters::Moment arrival;
    std::unique_ptr<ByteCharge> charge;
    absl::Status refused;    // for want of room
    MessageBytes expected;   // its size, and what it takes
    int64_t operations = 0;  // that were asked for on the queue's thread
    bool on_queue = false;   // it is computed there
    bool is_much = false;    // and was not, because it is much work
    rpc::CallNotes notes;
    rpc::CallCosts costs;
    CallFilters::Moment begin;  // of computing
    rpc::Rest rest;             // of the answer
    bool answered = false;
  };

  using AwaitedCall::AwaitedCall;
  ~ServedStream() override;

  void AwaitNext() override;
  void OnAdmitted() override;
  void OnRefused(absl::Status refused) override;
  void OnDone() override;
  void OnDrain() override;
  bool EndIfIdleSince(OpenStreams::Clock::time_point since) override;
  void HoldForSummons() override { Hold(); }
  void OnSummons(Summons::Reasons reasons) override;

  // gRPC's events, on the queue's thread: one read and one write at a time, then the end.
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void OnQueueIdle(bool ok);

  // Does what can be done after an event: starts operations, schedules large batches and computes
  // small ones. Any thread.
  void Advance() ABSL_LOCKS_EXCLUDED(mutex_);
  // Does the same but for the small batch to compute next, which it returns; null when there is
  // none.
  Batch* StartWhatCanBe() ABSL_LOCKS_EXCLUDED(mutex_);
  bool WindowIsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts what was read in flight. Returns it if it is small or refused, and schedules it if not.
  // Returns null and lets it wait if it is to wait for a batch in flight.
  Batch* TakeRequest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns whether a batch in flight will return bytes.
  bool HoldsBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns what the next batch is expected to take: it may be as large as the last one, or the
  // largest in flight. 0: nothing is known.
  MessageBytes ExpectedNext() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for no room to read any more.
  void StopWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes no requests and drops the answers, for which nobody waits.
  void Abandon() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Keeps answers that are ready until the queue has no further event at hand. On its thread.
  void HoldAnswers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns true if the oldest answer is to be written now.
  bool CanWrite() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns true if another request is to be read now, and then has reserved what it needs. A
  // stream with nothing in flight may begin to wait for that.
  bool MayRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ReserveNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CancelReservation() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns how far the stream is, for a server that stops.
  Drain::Stage StageNow() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the stream if it takes no requests and has answered all that it took.
  void FinishIfDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes no requests from here on. The stream ends with `end` unless it took none before. Computes
  // nothing: if something is in flight, a thread that holds the stream advances it.
  void StopTaking(absl::Status end) ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends a stream whose client does not read its answers.
  void EndIfStalled() ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends a stream that waits for its client, so that others have the bytes it has reserved.
  void EndIfIdle() ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends a stream whose next batch is larger than was reserved and finds no room.
  void EndUnlessMoreFits() ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers a batch and tells the filters, there or on a worker if it turns out to be much work.
  void ComputeOnQueue(Batch& batch) ABSL_LOCKS_EXCLUDED(mutex_);
  void ComputeOnWorker(Batch& batch, int64_t work);
  // Returns false if that was not done, because it is much work. What waits for others is left to
  // the waiters.
  bool Compute(Batch& batch) ABSL_LOCKS_EXCLUDED(mutex_);
  // Runs what the method has left of the answer.
  void ComputeRest(Batch& batch) ABSL_LOCKS_EXCLUDED(mutex_);
  // Notes that a batch was answered, and tells the filters.
  void NoteAnswer(Batch& batch, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // Makes the batch's bytes those of its answer, and returns how the request was answered. An
  // exception is an INTERNAL error.
  absl::Status Answer(Batch& batch);
  rpc::StreamAnswer MakeAnswer(Batch& batch);
  // Lets the method take what it asks for, if that is there.
  absl::Status Admit(Batch& batch, const rpc::CallWork& work);
  const rpc::StreamMethod& stream_method() const {
    return std::get<rpc::StreamMethod>(served_method().method);
  }

  // Operations and workers hold the stream as long as they may touch it. The last one deletes it.
  void Hold() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void LetGo();

  std::atomic<int> holders_ = 1;  // at first OnDone() alone
  Mutex mutex_;
  grpc::ByteBuffer request_ ABSL_GUARDED_BY(mutex_);  // being read, or just read
  CallFilters::Moment request_arrival_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  // For what is being read, was just read, or waits to be; none reserved otherwise.
  std::unique_ptr<ByteCharge> next_ ABSL_GUARDED_BY(mutex_);
  // Of a batch that was answered, for the next one.
  std::unique_ptr<ByteCharge> spare_ ABSL_GUARDED_BY(mutex_);
  bool waits_ ABSL_GUARDED_BY(mutex_) = false;        // for room to read
  int64_t last_message_ ABSL_GUARDED_BY(mutex_) = 0;  // the size of the last batch that was read
  MessageBytes last_taken_ ABSL_GUARDED_BY(mutex_);   // of the last one that was answered
  bool has_request_ ABSL_GUARDED_BY(mutex_) = false;
  bool request_waits_ ABSL_GUARDED_BY(mutex_) = false;  // until a batch in flight is answered
  bool takes_requests_ ABSL_GUARDED_BY(mutex_) = true;
  std::deque<Batch> batches_ ABSL_GUARDED_BY(mutex_);  // in flight, the oldest first
  int unanswered_ ABSL_GUARDED_BY(mutex_) = 0;         // of them
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;       // the oldest's answer
  bool has_written_ ABSL_GUARDED_BY(mutex_) = false;
  bool holds_answers_ ABSL_GUARDED_BY(mutex_) = false;
  // When the stream was opened, or a batch was read or answered last.
  OpenStreams::Clock::time_point last_progress_ ABSL_GUARDED_BY(mutex_);
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);

  MemberTag<ServedStream, &ServedStream::OnRead> read_tag_{this};
  MemberTag<ServedStream, &ServedStream::OnWritten> written_tag_{this};
  MemberTag<ServedStream, &ServedStream::OnQueueIdle> idle_tag_{this};
  MemberTag<ServedStream, &ServedStream::OnFinished> finished_tag_{this};
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_SERVED_STREAM_H_
