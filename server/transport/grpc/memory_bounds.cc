#include "server/transport/grpc/memory_bounds.h"

#include <cstddef>
#include <cstdint>

#include "grpc/compression.h"
#include "grpc/grpc.h"
#include "grpcpp/resource_quota.h"
#include "server/transport/byte_budget.h"

namespace lossd::transport {
namespace {

// Beside the budget, for windows, headers, and calls themselves.
constexpr int64_t kQuotaBeside = 64 << 20;

// A message of many small frames costs both sides a tenth more; behind a large one, a small call of
// the same connection waits.
constexpr int kFrameBytes = 256 << 10;

// A thousandth of what a message of zeros takes is enough to send it compressed. gRPC counts what
// comes, and unpacks it all at once.
void RefuseCompressed(grpc::ServerBuilder& builder) {
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
}

}  // namespace

void BoundMemory(const rpc::Limits& limits, const Bounds& bounds, grpc::ServerBuilder& builder) {
  if (!bounds.accept_compressed) RefuseCompressed(builder);
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // gRPC would let it grow with the connection's speed, to megabytes for each call.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, static_cast<int>(kUnreadBytes));
  // It would grow with the speed, too.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytes);
  const int64_t budget = limits.max_in_flight_bytes;
  grpc::ResourceQuota quota("lossd");
  quota.Resize(static_cast<size_t>(budget + budget / 4 + kQuotaBeside));
  builder.SetResourceQuota(quota);
}

}  // namespace lossd::transport
