#ifndef LOSSD_CLIENT_SRC_WIRE_RECEIVED_RESPONSE_H_
#define LOSSD_CLIENT_SRC_WIRE_RECEIVED_RESPONSE_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "lossd/v1/compute.pb.h"
#include "proto/wire/byte_pieces.h"
#include "proto/wire/split_message.h"

namespace lossd::client {

// A v1::ComputeResponse whose large tensors stay in the slices of the connection until they are
// copied to where they belong.
struct ReceivedResponse {
  ReceivedResponse() = default;
  explicit ReceivedResponse(v1::ComputeResponse response) : message(std::move(response)) {}

  // May be moved, but not copied: `payloads` points into `slices`.
  ReceivedResponse(ReceivedResponse&&) = default;
  ReceivedResponse& operator=(ReceivedResponse&&) = default;
  ReceivedResponse(const ReceivedResponse&) = delete;
  ReceivedResponse& operator=(const ReceivedResponse&) = delete;

  // Returns the data of `tensor`, which is the message's tensor in field `number`.
  wire::BytePieces DataOf(int number, const v1::Tensor& tensor) const;

  v1::ComputeResponse message;  // without the data that `payloads` has
  wire::TensorPayloads payloads;
  std::vector<grpc::Slice> slices;
};

// The answer to one batch of a stream.
struct ReceivedStreamResponse {
  uint64_t sequence = 0;
  absl::StatusOr<ReceivedResponse> result;
};

// Read the bytes of a response. Return INTERNAL when protobuf does not take them for one.
absl::StatusOr<ReceivedResponse> ReadComputeResponse(const grpc::ByteBuffer& bytes);
absl::StatusOr<ReceivedStreamResponse> ReadStreamResponse(const grpc::ByteBuffer& bytes);

// Parses any other message, by protobuf alone. Returns INTERNAL when the bytes are none.
absl::Status ParseResponse(grpc::ByteBuffer bytes, google::protobuf::Message& message);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_RECEIVED_RESPONSE_H_
