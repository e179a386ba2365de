#ifndef LOSSD_SERVER_RPC_WIRE_SPLIT_MESSAGE_H_
#define LOSSD_SERVER_RPC_WIRE_SPLIT_MESSAGE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "server/rpc/wire/byte_pieces.h"

namespace lossd::rpc {

// A smaller payload is copied in less time than it takes to keep track of.
inline constexpr size_t kSmallestPayload = 512;

// Where the large `bytes` of a message stand: a field that is such, or one that is a message with
// such fields in it.
struct SplitField {
  int number;
  absl::Span<const SplitField> inside;  // none: the field itself is the bytes
};

// The Tensor::data of a ComputeRequest's, CompareRequest's and ComputeStreamRequest's tensors.
extern const absl::Span<const SplitField> kComputeRequestTensors;
extern const absl::Span<const SplitField> kCompareRequestTensors;
extern const absl::Span<const SplitField> kComputeStreamRequestTensors;

// The bytes of one tensor, where they were received.
struct TensorPayload {
  int tensor_field;  // the number of the tensor's field in its message
  BytePieces data;
};

using TensorPayloads = std::vector<TensorPayload>;

// The payload of the tensor in field `number`; nullptr when it was not taken out.
const BytePieces* FindPayload(const TensorPayloads& payloads, int number);

// A serialized message with its large bytes taken out.
struct SplitMessage {
  std::string rest;  // what protobuf is to parse
  TensorPayloads payloads;
};

// Takes the tensors' bytes out of a serialized message, so that protobuf need not copy them: its
// parser's result for `rest`, with the payloads put back in their fields, is what it would have
// made of `bytes`. nullopt where that cannot be promised, and protobuf has to see everything: bytes
// that are no message, a field that occurs twice (protobuf merges), groups; and where it would not
// pay, because there is little to take out or much beside it. Payloads of less than
// `smallest_payload` bytes are left to protobuf.
std::optional<SplitMessage> TakeOutTensors(const BytePieces& bytes,
                                           absl::Span<const SplitField> tensors,
                                           size_t smallest_payload = kSmallestPayload);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_SPLIT_MESSAGE_H_
