#ifndef LOSSD_SERVER_RPC_WIRE_MESSAGE_CODEC_H_
#define LOSSD_SERVER_RPC_WIRE_MESSAGE_CODEC_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "server/rpc/wire/byte_pieces.h"
#include "server/rpc/wire/outgoing_tensor.h"
#include "server/rpc/wire/split_message.h"

namespace lossd::rpc {

// Parses a request as gRPC received it, slice by slice. INVALID_ARGUMENT when the bytes are no such
// message; RESOURCE_EXHAUSTED when there are more than `max_message_bytes` of them.
absl::Status ParseMessage(grpc::ByteBuffer& bytes, int64_t max_message_bytes,
                          google::protobuf::MessageLite& message);

// A slice that gRPC received, until it is released.
class ReceivedSlice final : public BytesOwner {
 public:
  explicit ReceivedSlice(grpc::Slice slice) : slice_(std::move(slice)) {}

  absl::string_view bytes() const {
    return {reinterpret_cast<const char*>(slice_.begin()), slice_.size()};
  }
  void Release() override { slice_ = grpc::Slice(); }

 private:
  grpc::Slice slice_;
};

// The tensors of a request that stayed in the slices that gRPC received.
struct ReceivedTensors {
  std::vector<ReceivedSlice> slices;  // what the payloads point into
  TensorPayloads payloads;
};

// As ParseMessage, but large tensors are not copied: they are left out of `message`. Consumes
// `bytes`.
absl::StatusOr<ReceivedTensors> ParseAroundTensors(grpc::ByteBuffer& bytes,
                                                   int64_t max_message_bytes,
                                                   absl::Span<const SplitField> tensors,
                                                   google::protobuf::MessageLite& message);

// RESOURCE_EXHAUSTED when the message has more than `max_message_bytes`.
absl::StatusOr<grpc::ByteBuffer> SerializeMessage(const google::protobuf::MessageLite& message,
                                                  int64_t max_message_bytes);

// The bytes of a response, its tensors included and not copied.
absl::StatusOr<grpc::ByteBuffer> SerializeAnswer(ComputeAnswer answer, int64_t max_message_bytes);

// The bytes of the ComputeStreamResponse that holds the response; the limit is on these.
absl::StatusOr<grpc::ByteBuffer> SerializeStreamAnswer(uint64_t sequence, ComputeAnswer answer,
                                                       int64_t max_message_bytes);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_MESSAGE_CODEC_H_
