#ifndef LOSSD_SERVER_RPC_STREAM_METHOD_H_
#define LOSSD_SERVER_RPC_STREAM_METHOD_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lossd/v1/compute.pb.h"
#include "proto/wire/byte_pieces.h"
#include "proto/wire/split_message.h"
#include "server/rpc/call.h"
#include "server/rpc/limits.h"
#include "server/rpc/wire/outgoing_tensor.h"

namespace lossd::rpc {

// Answers one batch: Handlers::Compute.
using ComputeFunction = std::function<absl::StatusOr<ComputeAnswer>(
    const v1::ComputeRequest&, const CallContext&, const wire::TensorPayloads&)>;

// Wraps what answers Compute for a stream: the bytes of one ComputeStreamRequest in, the bytes of
// one ComputeStreamResponse out, requests and responses of at most `limits.max_message_bytes`.
StreamMethod MakeStreamMethod(const Limits& limits, ComputeFunction compute);

// Returns the `sequence` of a ComputeStreamRequest, also of one that is too large or goes bad after
// it; 0 when it has none that can be read.
uint64_t SequenceOf(const wire::BytePieces& request);

// Returns the ComputeStreamResponse to a request that ends in `error`, which is not OK.
SentBytes StreamError(uint64_t sequence, const absl::Status& error);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_STREAM_METHOD_H_
