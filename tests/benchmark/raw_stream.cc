#include "tests/benchmark/raw_stream.h"

#include <chrono>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/impl/codegen/rpc_method.h"
#include "grpcpp/support/sync_stream.h"

namespace lossd::benchmark {
namespace {

using Stream = grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

constexpr auto kDeadline = std::chrono::minutes(2);

// The messages under way. Room is taken before one is written and given back when it is answered.
class Window {
 public:
  explicit Window(int64_t depth) : room_(depth) {}

  // Waits for room; false once the stream has ended.
  bool Take() {
    const absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &Window::MayTake));
    --room_;
    return !ended_;
  }

  void GiveBack() {
    const absl::MutexLock lock(&mutex_);
    ++room_;
  }

  void End() {
    const absl::MutexLock lock(&mutex_);
    ended_ = true;
  }

 private:
  bool MayTake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return room_ > 0 || ended_; }

  absl::Mutex mutex_;
  int64_t room_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

void WriteAll(Stream& stream, const grpc::ByteBuffer& request, int64_t calls, Window& window) {
  for (int64_t i = 0; i < calls; ++i) {
    if (!window.Take() || !stream.Write(request)) return;
  }
  stream.WritesDone();
}

// The number of answers until the stream ends.
int64_t ReadAll(Stream& stream, Window& window) {
  int64_t answers = 0;
  grpc::ByteBuffer answer;
  while (stream.Read(&answer)) {
    ++answers;
    window.GiveBack();
  }
  window.End();
  return answers;
}

}  // namespace

absl::StatusOr<Latencies> CallInStream(const std::shared_ptr<grpc::Channel>& channel,
                                       const grpc::ByteBuffer& request, int64_t calls,
                                       int64_t depth) {
  const grpc::internal::RpcMethod method("/lossd.v1.LossService/ComputeStream",
                                         grpc::internal::RpcMethod::BIDI_STREAMING);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  const absl::Time start = absl::Now();
  const std::unique_ptr<Stream> stream(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
          channel.get(), method, &context));
  Window window(depth);
  std::thread writer([&] { WriteAll(*stream, request, calls, window); });
  const int64_t answers = ReadAll(*stream, window);
  writer.join();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) {
    return {
        absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message())};
  }
  if (answers != calls) return absl::InternalError("the stream ended before its last answer");
  Latencies latencies;
  latencies.total = absl::Now() - start;
  return latencies;
}

}  // namespace lossd::benchmark
