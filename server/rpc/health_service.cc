#include "server/rpc/health_service.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/async_unary_call.h"
#include "server/rpc/completion_tag.h"
#include "server/rpc/raw_service.h"

namespace lossd::rpc {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// One call of Check, from waiting for it to its end, when it deletes itself.
class HealthService::Check {
 public:
  static void Await(HealthService& health, EventQueue& queue) { new Check(health, queue); }
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

 private:
  Check(HealthService& health, EventQueue& queue) : health_(health), queue_(queue) {
    health_.calls_.Add();
    health_.service_.RequestCheck(&context_, &request_, &responder_, &queue_.queue(),
                                  &queue_.queue(), &arrival_tag_);
  }
  ~Check() = default;

  void OnArrival(bool ok) {
    if (!ok) {  // The server shuts down.
      DeleteThis();
      return;
    }
    Await(health_, queue_);
    if (!health_.Knows(request_.service())) {
      const std::string text =
          absl::StrCat("service: \"", request_.service(), "\" is none of this server's");
      responder_.FinishWithError({grpc::StatusCode::NOT_FOUND, text}, &finished_tag_);
      return;
    }
    HealthCheckResponse response;
    {
      const absl::MutexLock lock(&health_.mutex_);
      response.set_status(health_.StatusOf(request_.service()));
    }
    responder_.Finish(response, grpc::Status::OK, &finished_tag_);
  }

  void OnFinished(bool) { DeleteThis(); }

  void DeleteThis() {
    CallCount& calls = health_.calls_;
    delete this;
    calls.Remove();
  }

  HealthService& health_;
  EventQueue& queue_;
  grpc::ServerContext context_;
  HealthCheckRequest request_;
  grpc::ServerAsyncResponseWriter<HealthCheckResponse> responder_{&context_};
  MemberTag<Check, &Check::OnArrival> arrival_tag_{this};
  MemberTag<Check, &Check::OnFinished> finished_tag_{this};
};

// One call of Watch: the status when it comes, and again when it changes, until the client or the
// server's shutdown cancels it.
class HealthService::Watch {
 public:
  static void Await(HealthService& health, EventQueue& queue) { new Watch(health, queue); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Tells the client what it does not know yet, unless it is being told something.
  void Update() ABSL_EXCLUSIVE_LOCKS_REQUIRED(health_.mutex_) {
    const Status status = health_.StatusOf(request_.service());
    if (writing_ || told_ == status) return;
    told_ = status;
    writing_ = true;
    HealthCheckResponse response;
    response.set_status(status);
    writer_.Write(response, &written_tag_);
  }

 private:
  Watch(HealthService& health, EventQueue& queue) : health_(health), queue_(queue) {
    health_.calls_.Add();
    context_.AsyncNotifyWhenDone(&done_tag_);
    health_.service_.RequestWatch(&context_, &request_, &writer_, &queue_.queue(), &queue_.queue(),
                                  &arrival_tag_);
  }
  ~Watch() = default;

  void OnArrival(bool ok) {
    if (!ok) {  // The server shuts down; no other event will come.
      DeleteThis();
      return;
    }
    Await(health_, queue_);
    const absl::MutexLock lock(&health_.mutex_);
    health_.watches_.insert(this);
    Update();
  }

  void OnWritten(bool) {
    {
      const absl::MutexLock lock(&health_.mutex_);
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
      const absl::MutexLock lock(&health_.mutex_);
      done_ = true;
      health_.watches_.erase(this);
      if (writing_) return;
    }
    DeleteThis();
  }

  void DeleteThis() {
    CallCount& calls = health_.calls_;
    delete this;
    calls.Remove();
  }

  HealthService& health_;
  EventQueue& queue_;
  grpc::ServerContext context_;
  HealthCheckRequest request_;
  grpc::ServerAsyncWriter<HealthCheckResponse> writer_{&context_};
  std::optional<Status> told_ ABSL_GUARDED_BY(health_.mutex_);
  bool writing_ ABSL_GUARDED_BY(health_.mutex_) = false;
  bool done_ ABSL_GUARDED_BY(health_.mutex_) = false;
  MemberTag<Watch, &Watch::OnArrival> arrival_tag_{this};
  MemberTag<Watch, &Watch::OnWritten> written_tag_{this};
  MemberTag<Watch, &Watch::OnDone> done_tag_{this};
};

HealthService::HealthService()
    : services_{"", LossServiceDescriptor().full_name(),
                grpc::health::v1::Health::service_full_name(),
                "grpc.reflection.v1alpha.ServerReflection"} {}

void HealthService::Register(grpc::ServerBuilder& builder) { builder.RegisterService(&service_); }

void HealthService::Start(EventQueue& queue) {
  // gRPC can hand over so many of each before the queue's thread asks for more.
  constexpr int kAwaitedCalls = 4;
  for (int i = 0; i < kAwaitedCalls; ++i) {
    Check::Await(*this, queue);
    Watch::Await(*this, queue);
  }
}

void HealthService::StopServing() {
  const absl::MutexLock lock(&mutex_);
  serving_ = false;
  for (Watch* watch : watches_) watch->Update();
}

HealthService::Status HealthService::StatusOf(absl::string_view service) const {
  if (!Knows(service)) return HealthCheckResponse::SERVICE_UNKNOWN;
  return serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

}  // namespace lossd::rpc
