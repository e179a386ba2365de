#include "client/src/call/stream_call.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/src/wire/loan.h"

namespace lossd::client {
namespace {

// What gRPC keeps cannot be lent: it would not come back before more is sent.
constexpr size_t kLentBytes = Connection::kKeptOfStream + 1;

}  // namespace

StreamCall::StreamCall(const Connection& connection, const char* method, absl::Time deadline,
                       absl::Duration patience)
    : connection_(connection), patience_(patience) {
  context_.set_deadline(absl::ToChronoTime(deadline));
  connection.AddMetadata(context_);
  stream_ = connection.stream_stub().PrepareCall(&context_, MethodPath(method), &queue_);
  Expect(kStart);
  stream_->StartCall(&events_[kStart]);
}

StreamCall::~StreamCall() {
  context_.TryCancel();
  Await(kStart);
  if (!finished_) Finish().IgnoreError();
  DrainQueue(queue_);
}

bool StreamCall::Write(const MessagePieces& message) {
  if (!Await(kStart)) return false;
  Loan loan;
  Expect(kWrite);
  stream_->Write(message.Lend(loan, kLentBytes), &events_[kWrite]);
  const bool written = Await(kWrite);
  const absl::Time give_up = absl::Now() + patience_;
  loan.WaitUntilReturned([&](absl::Duration turn) {
    const absl::MutexLock lock(&mutex_);
    Poll(absl::Now() + turn);
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

bool StreamCall::Read(grpc::ByteBuffer& message) {
  Expect(kRead);
  stream_->Read(&message, &events_[kRead]);
  return Await(kRead);
}

absl::Status StreamCall::Finish() {
  finished_ = true;
  grpc::Status status;
  Expect(kFinish);
  stream_->Finish(&status, &events_[kFinish]);
  Await(kFinish);
  const absl::MutexLock lock(&mutex_);
  if (gave_up_) {
    return absl::DeadlineExceededError(
        absl::StrCat("the server took longer than ", absl::FormatDuration(patience_)));
  }
  return connection_.EndOf(status);
}

void StreamCall::Expect(Operation operation) {
  const absl::MutexLock lock(&mutex_);
  events_[operation] = {true, false};
}

bool StreamCall::Await(Operation operation) {
  const absl::MutexLock lock(&mutex_);
  absl::Time give_up = absl::Now() + patience_;
  while (events_[operation].pending) {
    if (!Poll(give_up) && absl::Now() >= give_up) {
      // A cancelled operation ends at once, and its end has to be waited for.
      gave_up_ = true;
      context_.TryCancel();
      give_up = absl::InfiniteFuture();
    }
  }
  return events_[operation].ok;
}

bool StreamCall::Poll(absl::Time until) {
  if (polling_) {
    const bool timed_out = changed_.WaitWithDeadline(&mutex_, until);
    return !timed_out;
  }
  polling_ = true;
  mutex_.Unlock();
  void* tag = nullptr;
  bool ok = false;
  const bool got_event =
      queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(until)) == grpc::CompletionQueue::GOT_EVENT;
  mutex_.Lock();
  polling_ = false;
  if (got_event) *static_cast<Event*>(tag) = {false, ok};
  // Wakes the thread whose event it is, and one that polls next.
  changed_.SignalAll();
  return got_event;
}

}  // namespace lossd::client
