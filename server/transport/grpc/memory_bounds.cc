#include "server/transport/grpc/memory_bounds.h"

#include <cstddef>
#include <cstdint>

#include "grpc/grpc.h"
#include "grpcpp/resource_quota.h"
#include "server/transport/byte_budget.h"

namespace lossd::transport {
namespace {

// Beside the budget, for windows, headers, and calls themselves.
constexpr int64_t kQuotaBeside = 64 << 20;

}  // namespace

void BoundMemory(const rpc::Limits& limits, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // gRPC would let it grow with the connection's speed, to megabytes for each call.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, static_cast<int>(kUnreadBytes));
  const int64_t budget = limits.max_in_flight_bytes;
  grpc::ResourceQuota quota("lossd");
  quota.Resize(static_cast<size_t>(budget + budget / 4 + kQuotaBeside));
  builder.SetResourceQuota(quota);
}

}  // namespace lossd::transport
