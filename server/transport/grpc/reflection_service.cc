#include "server/transport/grpc/reflection_service.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_stream.h"
#include "server/rpc/call_filter.h"
#include "server/transport/grpc/byte_buffer.h"
#include "server/transport/grpc/call_metadata.h"
#include "server/transport/grpc/completion_tag.h"
#include "server/transport/grpc/grpc_server.h"
#include "server/transport/grpc/grpc_status.h"
#include "server/transport/grpc/reflection_answers.h"

namespace lossd::transport {

using grpc::reflection::v1alpha::ServerReflectionRequest;

// A call from waiting for it to its end, when it deletes itself. It answers one request after the
// other.
class ReflectionService::Call final : private rpc::CallInfo {
 public:
  static void Await(ReflectionService& reflection, EventQueue& queue) {
    new Call(reflection, queue);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  Call(ReflectionService& reflection, EventQueue& queue) : reflection_(reflection), queue_(queue) {
    reflection_.calls_.Add();
    reflection_.service_.RequestServerReflectionInfo(&context_, &stream_, &queue_.queue(),
                                                     &queue_.queue(), &arrival_tag_);
  }
  ~Call() = default;

  absl::string_view method() const override { return kReflectionMethod; }
  std::string Peer() const override { return context_.peer(); }
  std::optional<absl::string_view> Metadata(absl::string_view key) const override {
    return FindMetadata(context_, key);
  }
  size_t MetadataCount(absl::string_view key) const override {
    return CountMetadata(context_, key);
  }
  const rpc::Caller* caller() const override { return caller_.get(); }

  void OnArrival(bool ok) {
    if (!ok) {  // The server shuts down; no other event will come.
      DeleteThis();
      return;
    }
    Await(reflection_, queue_);
    arrived_ = true;
    absl::Status refused = reflection_.filters_.Identify(*this, caller_);
    refused.Update(reflection_.filters_.Arrived(*this));
    if (!refused.ok()) {
      Finish(std::move(refused));
      return;
    }
    stream_.Read(&message_, &read_tag_);
  }

  void OnRead(bool ok) {
    if (!ok) {
      Finish(absl::OkStatus());
      return;
    }
    absl::Status refused =
        caller_ == nullptr ? absl::OkStatus() : reflection_.filters_.MessageArrived(*this);
    ServerReflectionRequest request;
    if (refused.ok()) refused = ParseNames(message_, request);
    if (!refused.ok()) {
      Finish(std::move(refused));
      return;
    }
    stream_.Write(ToByteBuffer(AnswerReflection(request, reflection_.services_)), &written_tag_);
  }

  void OnWritten(bool ok) {
    if (!ok) {
      Finish(absl::OkStatus());
      return;
    }
    stream_.Read(&message_, &read_tag_);
  }

  void Finish(absl::Status status) {
    status_ = std::move(status);
    stream_.Finish(ToGrpcStatus(status_), &finished_tag_);
  }
  void OnFinished(bool) { DeleteThis(); }

  // Called after the last event.
  void DeleteThis() {
    if (arrived_) reflection_.filters_.Ended(*this, status_, {});
    CallCount& calls = reflection_.calls_;
    delete this;
    calls.Remove();
  }

  ReflectionService& reflection_;
  EventQueue& queue_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&context_};
  grpc::ByteBuffer message_;
  std::shared_ptr<const rpc::Caller> caller_;
  bool arrived_ = false;
  absl::Status status_;
  MemberTag<Call, &Call::OnArrival> arrival_tag_{this};
  MemberTag<Call, &Call::OnRead> read_tag_{this};
  MemberTag<Call, &Call::OnWritten> written_tag_{this};
  MemberTag<Call, &Call::OnFinished> finished_tag_{this};
};

ReflectionService::ReflectionService(const CallFilters& filters, std::vector<std::string> services)
    : filters_(filters), services_(std::move(services)) {}

void ReflectionService::Register(grpc::ServerBuilder& builder) {
  builder.RegisterService(&service_);
}

void ReflectionService::Start(EventQueue& queue) {
  // The calls that gRPC can hand over before the queue's thread asks for more.
  constexpr int kAwaitedCalls = 4;
  for (int i = 0; i < kAwaitedCalls; ++i) Call::Await(*this, queue);
}

}  // namespace lossd::transport
