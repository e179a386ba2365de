#include "tests/integration/open_stream.h"

#include <algorithm>
#include <chrono>

#include "gtest/gtest.h"

namespace lossd {

OpenStream::OpenStream(v1::LossService::Stub& stub, const std::string& token) {
  if (!token.empty()) context_.AddMetadata("authorization", "Bearer " + token);
  context_.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  stream_ = stub.ComputeStream(&context_);
}

bool OpenStream::Write(uint64_t sequence, const v1::ComputeRequest& request) {
  v1::ComputeStreamRequest message;
  message.set_sequence(sequence);
  *message.mutable_request() = request;
  return stream_->Write(message);
}

v1::ComputeStreamResponse OpenStream::Read() {
  v1::ComputeStreamResponse answer;
  EXPECT_TRUE(stream_->Read(&answer)) << "the stream has ended";
  return answer;
}

bool OpenStream::Ends() {
  v1::ComputeStreamResponse answer;
  return !stream_->Read(&answer);
}

grpc::Status ErrorOf(const v1::ComputeStreamResponse& answer) {
  if (!answer.has_error()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(answer.error().code()), answer.error().message(),
          answer.error().SerializeAsString()};
}

absl::StatusOr<v1::ComputeResponse> WaitingRoom::Answer(const v1::ComputeRequest& request,
                                                        const rpc::CallContext& context) {
  const absl::MutexLock lock(&mutex_);
  ++entered_;
  most_ = std::max(most_, ++inside_);
  while (!mutex_.AwaitWithTimeout(absl::Condition(&open_), absl::Milliseconds(1)) &&
         !context.cancelled()) {
  }
  --inside_;
  if (!open_) {
    ++cancelled_;
    return absl::CancelledError("cancelled");
  }
  v1::ComputeResponse response;
  response.set_valid_count(static_cast<int64_t>(request.labels().data().size()));
  return response;
}

ComputeAnswer WaitingRoom::answer() {
  return [this](const v1::ComputeRequest& request, const rpc::CallContext& context) {
    return Answer(request, context);
  };
}

ComputeAnswer WaitingRoom::AnswerLarge() {
  return [this](const v1::ComputeRequest& request,
                const rpc::CallContext& context) -> absl::StatusOr<v1::ComputeResponse> {
    if (request.labels().data().size() <= 1024) return v1::ComputeResponse();
    return Answer(request, context);
  };
}

bool WaitingRoom::WaitUntilEntered(int count, absl::Duration timeout) {
  const auto reached = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return entered_ >= count; };
  const absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&reached), timeout);
}

bool WaitingRoom::WaitUntilCancelled(int count) {
  const auto reached = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return cancelled_ >= count; };
  const absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(10));
}

void WaitingRoom::Open() {
  const absl::MutexLock lock(&mutex_);
  open_ = true;
}

int WaitingRoom::entered() const {
  const absl::MutexLock lock(&mutex_);
  return entered_;
}

int WaitingRoom::most() const {
  const absl::MutexLock lock(&mutex_);
  return most_;
}

}  // namespace lossd
