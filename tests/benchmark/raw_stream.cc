#include "tests/benchmark/raw_stream.h"

#include <chrono>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/impl/codegen/rpc_method.h"
#include "grpcpp/support/sync_stream.h"

namespace lossd::benchmark {
namespace {

using Stream = grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

constexpr auto kDeadline = std::chrono::minutes(2);

// Writes `calls` messages, and reads an answer before each that would be more than `depth` ahead of
// the answers. The number of answers until the stream ends.
int64_t Exchange(Stream& stream, const grpc::ByteBuffer& request, int64_t calls, int64_t depth) {
  int64_t answers = 0;
  grpc::ByteBuffer answer;
  for (int64_t sent = 0; sent < calls; ++sent) {
    if (sent - answers == depth) {
      if (!stream.Read(&answer)) return answers;
      ++answers;
    }
    if (!stream.Write(request)) return answers;
  }
  stream.WritesDone();
  while (stream.Read(&answer)) ++answers;
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
  const int64_t answers = Exchange(*stream, request, calls, depth);
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
