#include "tests/server/transport/without_grpc/memory_call.h"

#include <utility>

namespace lossd {

void MemoryCall::Begin(grpc::CompletionQueue& queue, void* done_tag) {
  const MutexLock lock(&mutex_);
  queue_ = &queue;
  done_tag_ = done_tag;
  if (ended()) queue_->Put({done_tag_, true});
}

void MemoryCall::Read(grpc::ByteBuffer* message, void* tag) {
  const MutexLock lock(&mutex_);
  reading_ = PendingRead{message, tag};
  Advance();
}

void MemoryCall::Write(grpc::ByteBuffer message, void* tag) {
  const MutexLock lock(&mutex_);
  writing_ = PendingWrite{std::move(message), tag, std::nullopt};
  Advance();
}

void MemoryCall::WriteAndFinish(grpc::ByteBuffer message, grpc::Status status, void* tag) {
  const MutexLock lock(&mutex_);
  writing_ = PendingWrite{std::move(message), tag, std::move(status)};
  Advance();
}

void MemoryCall::Finish(grpc::Status status, void* tag) {
  const MutexLock lock(&mutex_);
  if (ended()) {
    queue_->Put({tag, false});
  } else {
    End(std::move(status), tag);
  }
  Advance();
}

bool MemoryCall::IsCancelled() const {
  const MutexLock lock(&mutex_);
  return cancelled_;
}

void MemoryCall::Send(grpc::ByteBuffer message) {
  const MutexLock lock(&mutex_);
  requests_.push_back(std::move(message));
  Advance();
}

void MemoryCall::Close() {
  const MutexLock lock(&mutex_);
  closed_ = true;
  Advance();
}

void MemoryCall::Cancel() {
  const MutexLock lock(&mutex_);
  if (ended()) return;
  cancelled_ = true;
  status_ = grpc::Status(grpc::StatusCode::CANCELLED, "the client cancelled");
  answers_.clear();
  if (queue_ != nullptr) queue_->Put({done_tag_, true});
  Advance();
}

std::optional<grpc::ByteBuffer> MemoryCall::Receive() {
  const auto has_news = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !answers_.empty() || ended();
  };
  const MutexLock lock(&mutex_, absl::Condition(&has_news));
  if (answers_.empty()) return std::nullopt;
  grpc::ByteBuffer answer = std::move(answers_.front());
  answers_.pop_front();
  Advance();
  return answer;
}

grpc::Status MemoryCall::Finish() {
  while (Receive()) {
  }
  const MutexLock lock(&mutex_);
  return *status_;
}

void MemoryCall::End(grpc::Status status, void* tag) {
  status_ = std::move(status);
  // gRPC tells of the two in any order; here it depends on what the client has done.
  if (closed_) queue_->Put({done_tag_, true});
  queue_->Put({tag, true});
  if (!closed_) queue_->Put({done_tag_, true});
}

void MemoryCall::Advance() {
  AdvanceWrite();
  AdvanceRead();
}

void MemoryCall::AdvanceRead() {
  if (!reading_) return;
  if (!ended() && !requests_.empty()) {
    queue_->Put({reading_->tag, true, reading_->message, std::move(requests_.front())});
    requests_.pop_front();
  } else if (ended() || closed_) {
    queue_->Put({reading_->tag, false});
  } else {
    return;
  }
  reading_.reset();
}

void MemoryCall::AdvanceWrite() {
  if (!writing_) return;
  if (!ended() && answers_.size() < unread_answers_) {
    answers_.push_back(std::move(writing_->message));
    if (writing_->end) {
      End(*std::move(writing_->end), writing_->tag);
    } else {
      queue_->Put({writing_->tag, true});
    }
  } else if (ended()) {
    queue_->Put({writing_->tag, false});
  } else {
    return;
  }
  writing_.reset();
}

}  // namespace lossd
