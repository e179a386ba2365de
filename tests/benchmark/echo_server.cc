// The limit for any gRPC server: it sends back bytes that it received, and looks at none of them.
// Completion queues, one thread each, and raw byte buffers; slices are passed on, never copied.
//
// A call of "/lossd.benchmark.Echo/1424" is answered with 1424 bytes, whatever it sends, so that
// answers are as long as those of the server that it is compared with. It listens on a free
// loopback port, prints "listening on ADDRESS", and serves until it is killed.

#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

namespace {

constexpr int kQueues = 2;
constexpr int kAwaitedCalls = 32;

// The first `size` bytes of `received`, from its start again when it is shorter.
grpc::ByteBuffer Echo(const grpc::ByteBuffer& received, size_t size) {
  std::vector<grpc::Slice> slices;
  std::vector<grpc::Slice> answer;
  if (received.Length() == 0 || !received.Dump(&slices).ok()) return {};
  while (size > 0) {
    for (const grpc::Slice& slice : slices) {
      if (size == 0) break;
      const size_t taken = std::min(size, slice.size());
      answer.push_back(taken == slice.size() ? slice : slice.sub(0, taken));
      size -= taken;
    }
  }
  return {answer.data(), answer.size()};
}

// The number after the last slash of the method's name.
size_t AnswerSize(absl::string_view method) {
  uint64_t size = 0;
  const bool named = absl::SimpleAtoi(method.substr(method.rfind('/') + 1), &size);
  return named ? static_cast<size_t>(size) : 0;
}

// One call, from waiting for it to its end; deletes itself then.
class EchoCall {
 public:
  static void Await(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue) {
    auto* call = new EchoCall(service, queue);
    service.RequestCall(&call->context_, &call->stream_, &queue, &queue, call);
  }

  void OnEvent(bool ok) {
    if (!ok || step_ == Step::kAnswered) {
      delete this;
      return;
    }
    if (step_ == Step::kAwaited) {
      Await(*service_, *queue_);
      step_ = Step::kReading;
      stream_.Read(&message_, this);
      return;
    }
    step_ = Step::kAnswered;
    message_ = Echo(message_, AnswerSize(context_.method()));
    stream_.WriteAndFinish(message_, {}, grpc::Status::OK, this);
  }

 private:
  enum class Step { kAwaited, kReading, kAnswered };

  EchoCall(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue)
      : service_(&service), queue_(&queue) {}

  grpc::AsyncGenericService* service_;
  grpc::ServerCompletionQueue* queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer message_;
  Step step_ = Step::kAwaited;
};

void Serve(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue) {
  for (int i = 0; i < kAwaitedCalls; ++i) EchoCall::Await(service, queue);
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<EchoCall*>(tag)->OnEvent(ok);
}

}  // namespace

int main() {
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterAsyncGenericService(&service);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  for (int i = 0; i < kQueues; ++i) queues.push_back(builder.AddCompletionQueue());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << absl::StrCat("listening on 127.0.0.1:", port) << std::endl;
  std::vector<std::thread> threads;
  for (const auto& queue : queues) {
    threads.emplace_back([&service, &queue] { Serve(service, *queue); });
  }
  for (std::thread& thread : threads) thread.join();
  return 0;
}
