#ifndef LOSSD_SERVER_TRANSPORT_GRPC_BYTE_BUFFER_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_BYTE_BUFFER_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/wire/received_bytes.h"
#include "server/rpc/wire/sent_bytes.h"

namespace lossd::transport {

// Returns the message in the slices that gRPC received, each of which can be released by itself,
// and clears `buffer`. Fails when the message is compressed and does not decompress.
absl::StatusOr<rpc::ReceivedBytes> TakeReceivedBytes(grpc::ByteBuffer& buffer);
// Returns the same message in the memory of `buffer`, which outlives it and releases all at once.
absl::StatusOr<rpc::ReceivedBytes> ViewReceivedBytes(grpc::ByteBuffer& buffer);

// Takes and reads a message that holds names alone, as those to health and reflection do: it is
// parsed and copied beside the budget of what is in flight. Returns RESOURCE_EXHAUSTED for one of
// more than kMostNameBytes, which is not looked at, and INVALID_ARGUMENT for bytes that are none.
absl::Status ParseNames(grpc::ByteBuffer& buffer, google::protobuf::MessageLite& message);
inline constexpr size_t kMostNameBytes = 4096;

// Returns the message for gRPC to send, serialized.
grpc::ByteBuffer ToByteBuffer(const google::protobuf::MessageLite& message);

// Returns the message for gRPC to send. Its slices own the pieces: gRPC may need them longer than
// the call lives.
grpc::ByteBuffer ToByteBuffer(rpc::SentBytes bytes);

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_BYTE_BUFFER_H_
