#ifndef LOSSD_SERVER_TRANSPORT_GRPC_SERVED_STREAM_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_SERVED_STREAM_H_

#include <atomic>
#include <cstdint>
#include <deque>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/call.h"
#include "server/transport/call_filters.h"
#include "server/transport/grpc/awaited_call.h"
#include "server/transport/grpc/completion_tag.h"
#include "server/transport/grpc/event_queue.h"
#include "server/transport/open_streams.h"

namespace lossd::transport {

// A call with a message for each batch, many of them in flight, answered in order.
//
// A batch is in flight from when it is read until its answer is written. While the window is full
// the stream reads no further, gRPC's flow control holds up the client, and what a client that does
// not read its answers makes the server hold stays bounded. The bytes of requests in flight are
// bounded over all calls (see Admission), but
// for one that waits, of each stream. A batch over that limit waits for others of its stream
// to be answered, and nothing behind it is read: a training job gets slower under load and loses
// no batch. With none of its stream to wait for it is answered with UNAVAILABLE, as a unary call
// is, and not held back until other clients make room: those may be waiting for this one.
//
// Small batches are computed on the queue's thread, at once; large ones on the workers, side by
// side. Small answers that follow each other closely go out together: a system call and a packet
// for each would cost about as much as it takes to compute it.
//
// A server that drains lets the stream answer what it has read, then ends it with UNAVAILABLE. The
// client sees by the answers which batches to send to another server.
class ServedStream final : public AwaitedCall, private OpenStreams::Stream {
 public:
  static void Await(const ServedMethod& method, EventQueue& queue, CallEnvironment& environment);

 private:
  // A message in flight.
  struct Batch {
    grpc::ByteBuffer bytes;  // the request, then the answer
    CallFilters::Moment arrival;
    absl::Status refused;  // by the admission of its bytes
    int64_t admitted_bytes = 0;
    bool answered = false;
  };

  using AwaitedCall::AwaitedCall;
  ~ServedStream() override;

  void AwaitNext() override;
  void OnAdmitted() override;
  void OnRefused(absl::Status refused) override;
  void OnDone() override;
  void OnDrain() override;

  // gRPC's events, on the queue's thread: one read and one write at a time, then the end.
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void OnQueueIdle(bool ok);

  // Goes on with whatever can be done after an event: starts operations, schedules large batches
  // and computes small ones. Any thread.
  void Advance() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same but for the small batch to compute next, which it returns; null when there is none.
  Batch* StartWhatCanBe() ABSL_LOCKS_EXCLUDED(mutex_);
  bool WindowIsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes what was read, if its bytes are admitted or refused. A small batch is returned.
  Batch* TakeRequest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes no requests and drops the answers: nobody waits for them.
  void Abandon() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Answers that are ready stay until the queue has no further event at hand. On its thread.
  void HoldAnswers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The oldest answer is to be written.
  bool CanWrite() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // From here on; the stream ends with `end` unless it takes none already.
  void StopTaking(absl::Status end) ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers a batch and tells the filters.
  void Compute(Batch& batch) ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns the answer to a batch, whose bytes it takes.
  rpc::StreamAnswer Answer(Batch& batch);

  // Everything that will still touch the stream holds it: operations and workers. The last one
  // deletes it.
  void Hold() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void LetGo();

  std::atomic<int> holders_ = 1;  // OnDone()
  absl::Mutex mutex_;
  grpc::ByteBuffer request_ ABSL_GUARDED_BY(mutex_);  // being read, or waiting to be taken
  CallFilters::Moment request_arrival_ ABSL_GUARDED_BY(mutex_);
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_request_ ABSL_GUARDED_BY(mutex_) = false;
  bool takes_requests_ ABSL_GUARDED_BY(mutex_) = true;
  std::deque<Batch> batches_ ABSL_GUARDED_BY(mutex_);  // in flight, the oldest first
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;       // the oldest's answer
  bool has_written_ ABSL_GUARDED_BY(mutex_) = false;
  bool holds_answers_ ABSL_GUARDED_BY(mutex_) = false;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);

  MemberTag<ServedStream, &ServedStream::OnRead> read_tag_{this};
  MemberTag<ServedStream, &ServedStream::OnWritten> written_tag_{this};
  MemberTag<ServedStream, &ServedStream::OnQueueIdle> idle_tag_{this};
  MemberTag<ServedStream, &ServedStream::OnFinished> finished_tag_{this};
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_SERVED_STREAM_H_
