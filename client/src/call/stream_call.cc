#include "client/src/call/stream_call.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/src/status.h"
#include "client/src/wire/loan.h"

namespace lossd::client {
namespace {

// For a while gRPC keeps what was sent first on a stream, up to 256 KiB (its argument
// "grpc.per_rpc_retry_buffer_size"), to send it again when the connection was about to close: until
// the server answers, which it may not do before more is sent. Whatever is longer it lets go.
constexpr size_t kLentBytes = (size_t{256} << 10) + 1;

}  // namespace

StreamCall::StreamCall(const Connection& connection, const char* method, absl::Time deadline,
                       absl::Duration patience)
    : patience_(patience) {
  context_.set_deadline(absl::ToChronoTime(deadline));
  stream_ = connection.stub().PrepareCall(&context_, MethodPath(method), &queue_);
  Expect(kStart);
  stream_->StartCall(&events_[kStart]);
}

StreamCall::~StreamCall() {
  context_.TryCancel();
  Await(kStart);
  if (!finished_) Finish().IgnoreError();
  DrainQueue(&queue_);
}

bool StreamCall::Write(const MessagePieces& message) {
  if (!Await(kStart)) return false;
  Loan loan;
  Expect(kWrite);
  stream_->Write(message.Lend(&loan, kLentBytes), &events_[kWrite]);
  const bool written = Await(kWrite);
  const absl::Time give_up = absl::Now() + patience_;
  loan.WaitUntilReturned([&](absl::Duration turn) {
    std::unique_lock<std::mutex> lock(mutex_);
    Poll(&lock, absl::Now() + turn);
    if (absl::Now() >= give_up) {
      gave_up_ = true;
      context_.TryCancel();
    }
  });
  return written;
}

bool StreamCall::WritesDone() {
  if (!Await(kStart)) return false;
  Expect(kWrite);
  stream_->WritesDone(&events_[kWrite]);
  return Await(kWrite);
}

bool StreamCall::Read(grpc::ByteBuffer* message) {
  Expect(kRead);
  stream_->Read(message, &events_[kRead]);
  return Await(kRead);
}

absl::Status StreamCall::Finish() {
  finished_ = true;
  grpc::Status status;
  Expect(kFinish);
  stream_->Finish(&status, &events_[kFinish]);
  Await(kFinish);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (gave_up_) {
    return absl::DeadlineExceededError(
        absl::StrCat("the server took longer than ", absl::FormatDuration(patience_)));
  }
  return FromGrpcStatus(status);
}

void StreamCall::Expect(Operation operation) {
  const std::lock_guard<std::mutex> lock(mutex_);
  events_[operation] = {true, false};
}

bool StreamCall::Await(Operation operation) {
  std::unique_lock<std::mutex> lock(mutex_);
  absl::Time give_up = absl::Now() + patience_;
  while (events_[operation].pending) {
    if (!Poll(&lock, give_up) && absl::Now() >= give_up) {
      // What is cancelled comes to its end at once, and has to be waited for.
      gave_up_ = true;
      context_.TryCancel();
      give_up = absl::InfiniteFuture();
    }
  }
  return events_[operation].ok;
}

bool StreamCall::Poll(std::unique_lock<std::mutex>* lock, absl::Time until) {
  if (polling_) {
    return changed_.wait_until(*lock, absl::ToChronoTime(until)) == std::cv_status::no_timeout;
  }
  polling_ = true;
  lock->unlock();
  void* tag = nullptr;
  bool ok = false;
  const bool got_event =
      queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(until)) == grpc::CompletionQueue::GOT_EVENT;
  lock->lock();
  polling_ = false;
  if (got_event) *static_cast<Event*>(tag) = {false, ok};
  // For whoever has the event, and for who is to poll next.
  changed_.notify_all();
  return got_event;
}

}  // namespace lossd::client
