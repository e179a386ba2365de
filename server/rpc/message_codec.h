#ifndef LOSSD_SERVER_RPC_MESSAGE_CODEC_H_
#define LOSSD_SERVER_RPC_MESSAGE_CODEC_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"

namespace lossd::rpc {

// Parses a request as gRPC received it, slice by slice. INVALID_ARGUMENT when the bytes are no such
// message; RESOURCE_EXHAUSTED when there are more than `max_message_bytes` of them.
absl::Status ParseMessage(grpc::ByteBuffer& bytes, int64_t max_message_bytes,
                          google::protobuf::MessageLite& message);

// RESOURCE_EXHAUSTED when the message has more than `max_message_bytes`.
absl::StatusOr<grpc::ByteBuffer> SerializeMessage(const google::protobuf::MessageLite& message,
                                                  int64_t max_message_bytes);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_MESSAGE_CODEC_H_
