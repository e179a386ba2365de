#include "server/transport/grpc/health_service.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/async_unary_call.h"
#include "server/rpc/errors/short_text.h"
#include "server/transport/drain.h"
#include "server/transport/grpc/byte_buffer.h"
#include "server/transport/grpc/completion_tag.h"
#include "server/transport/grpc/grpc_status.h"

namespace lossd::transport {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// A call from waiting for it to its end, when it deletes itself: what both methods have in common.
class HealthService::Call {
 public:
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 protected:
  Call(HealthService& health, EventQueue& queue) : health_(health), queue_(queue) {
    health_.calls_.Add();
  }
  virtual ~Call() = default;

  // Makes another call wait in the place of this one, which has arrived.
  virtual void AwaitNext() = 0;
  virtual void OnRequest() = 0;
  virtual void OnRefused(const absl::Status& refused) = 0;

  void OnArrival(bool ok) {
    if (!ok) {  // The server shuts down; no other event will come.
      DeleteThis();
      return;
    }
    AwaitNext();
    const absl::Status parsed = ParseNames(message_, request_);
    if (parsed.ok()) {
      OnRequest();
    } else {
      OnRefused(parsed);
    }
  }

  // Called after the last event.
  void DeleteThis() {
    CallCount& calls = health_.calls_;
    delete this;
    calls.Remove();
  }

  HealthService& health_;
  EventQueue& queue_;
  grpc::ServerContext context_;
  grpc::ByteBuffer message_;
  HealthCheckRequest request_;  // of the message
  MemberTag<Call, &Call::OnArrival> arrival_tag_{this};
};

class HealthService::Check final : public Call {
 public:
  static void Await(HealthService& health, EventQueue& queue) { new Check(health, queue); }

 private:
  Check(HealthService& health, EventQueue& queue) : Call(health, queue) {
    health_.service_.RequestCheck(&context_, &message_, &responder_, &queue_.queue(),
                                  &queue_.queue(), &arrival_tag_);
  }

  void AwaitNext() override { Await(health_, queue_); }

  void OnRequest() override {
    const std::string& service = request_.service();
    if (!health_.Knows(service)) {
      const std::string text =
          absl::StrCat("unknown service \"", rpc::ShortText(service, kMostOfAName), "\"");
      responder_.FinishWithError({grpc::StatusCode::NOT_FOUND, text}, &finished_tag_);
      return;
    }
    HealthCheckResponse response;
    {
      const MutexLock lock(&health_.mutex_);
      response.set_status(health_.StatusOf(service));
    }
    responder_.Finish(ToByteBuffer(response), grpc::Status::OK, &finished_tag_);
  }

  void OnRefused(const absl::Status& refused) override {
    responder_.FinishWithError(ToGrpcStatus(refused), &finished_tag_);
  }

  void OnFinished(bool) { DeleteThis(); }

  // A status's message travels in a header, so that it cannot be of any length.
  static constexpr size_t kMostOfAName = 200;

  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_{&context_};
  MemberTag<Check, &Check::OnFinished> finished_tag_{this};
};

// Sends the status when the call comes, and again when it changes, until the client cancels the
// call or the server ends it.
class HealthService::Watch final : public Call {
 public:
  static void Await(HealthService& health, EventQueue& queue) { new Watch(health, queue); }

  // Sends the status, or the call's end, unless a message is on its way or there is nothing to
  // tell.
  void Update() ABSL_EXCLUSIVE_LOCKS_REQUIRED(health_.mutex_) {
    const Status status = health_.StatusOf(request_.service());
    if (writing_ || finished_) return;
    if (told_ == status) {
      if (health_.ends_watches_) Finish(ShuttingDown());
      return;
    }
    told_ = status;
    writing_ = true;
    HealthCheckResponse response;
    response.set_status(status);
    writer_.Write(ToByteBuffer(response), &written_tag_);
  }

 private:
  Watch(HealthService& health, EventQueue& queue) : Call(health, queue) {
    context_.AsyncNotifyWhenDone(&done_tag_);
    health_.service_.RequestWatch(&context_, &message_, &writer_, &queue_.queue(), &queue_.queue(),
                                  &arrival_tag_);
  }

  void AwaitNext() override { Await(health_, queue_); }

  // Its event is written_tag_'s, as a message's.
  void Finish(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(health_.mutex_) {
    finished_ = true;
    writing_ = true;
    writer_.Finish(ToGrpcStatus(status), &written_tag_);
  }

  void OnRefused(const absl::Status& refused) override {
    const MutexLock lock(&health_.mutex_);
    Finish(refused);
  }

  void OnRequest() override {
    const MutexLock lock(&health_.mutex_);
    health_.watches_.insert(this);
    Update();
  }

  void OnWritten(bool) {
    {
      const MutexLock lock(&health_.mutex_);
      writing_ = false;
      if (!done_) {
        Update();
        return;
      }
    }
    DeleteThis();
  }

  void OnDone(bool) {
    {
      const MutexLock lock(&health_.mutex_);
      done_ = true;
      health_.watches_.erase(this);
      if (writing_) return;
    }
    DeleteThis();
  }

  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_{&context_};
  std::optional<Status> told_ ABSL_GUARDED_BY(health_.mutex_);
  bool writing_ ABSL_GUARDED_BY(health_.mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(health_.mutex_) = false;
  bool done_ ABSL_GUARDED_BY(health_.mutex_) = false;
  MemberTag<Watch, &Watch::OnWritten> written_tag_{this};
  MemberTag<Watch, &Watch::OnDone> done_tag_{this};
};

namespace {

absl::flat_hash_set<std::string> WithTheServer(const std::vector<std::string>& services) {
  absl::flat_hash_set<std::string> all(services.begin(), services.end());
  all.insert("");
  return all;
}

}  // namespace

HealthService::HealthService(const std::vector<std::string>& services)
    : services_(WithTheServer(services)) {}

void HealthService::Register(grpc::ServerBuilder& builder) { builder.RegisterService(&service_); }

void HealthService::Start(EventQueue& queue) {
  // The calls of each method that gRPC can hand over before the queue's thread asks for more.
  constexpr int kAwaitedCalls = 4;
  for (int i = 0; i < kAwaitedCalls; ++i) {
    Check::Await(*this, queue);
    Watch::Await(*this, queue);
  }
}

void HealthService::StopServing() {
  const MutexLock lock(&mutex_);
  serving_ = false;
  for (Watch* watch : watches_) watch->Update();
}

void HealthService::EndWatches(absl::Time deadline) {
  const auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return watches_.empty(); };
  const MutexLock lock(&mutex_);
  ends_watches_ = true;
  for (Watch* watch : watches_) watch->Update();
  mutex_.AwaitWithDeadline(absl::Condition(&none), deadline);
}

HealthService::Status HealthService::StatusOf(absl::string_view service) const {
  if (!Knows(service)) return HealthCheckResponse::SERVICE_UNKNOWN;
  return serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

}  // namespace lossd::transport
