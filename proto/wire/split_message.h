#ifndef LOSSD_PROTO_WIRE_SPLIT_MESSAGE_H_
#define LOSSD_PROTO_WIRE_SPLIT_MESSAGE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "proto/wire/byte_pieces.h"
#include "proto/wire/tensor_fields.h"

namespace lossd::wire {

// Copying a smaller payload takes less time than finding it and keeping track of it.
inline constexpr size_t kSmallestPayload = 4096;

// The bytes of one tensor, where they were received.
struct TensorPayload {
  int key;  // the number of the tensor's field in its message, or a TensorKey
  BytePieces data;
};

using TensorPayloads = std::vector<TensorPayload>;

// Returns the payload of the tensor with this key, nullptr when it was not taken out.
const BytePieces* FindPayload(const TensorPayloads& payloads, int key);

// A serialized message with its large bytes taken out.
struct SplitMessage {
  std::string rest;  // what protobuf is to parse
  TensorPayloads payloads;
};

// Takes the tensors' bytes out of a serialized message, so that protobuf need not copy them.
// Parsing `rest` and putting the payloads back in their fields gives what protobuf makes of
// `bytes`. Returns nullopt where protobuf has to read everything: bytes that are no message,
// groups, a field that occurs twice (protobuf merges them), another field of its oneof (the last
// one counts); and where the detour does not pay, because there is little to take out or much
// beside it. Leaves payloads of less than `smallest_payload` bytes in `rest`.
std::optional<SplitMessage> TakeOutTensors(const BytePieces& bytes,
                                           absl::Span<const SplitField> tensors,
                                           size_t smallest_payload = kSmallestPayload);

}  // namespace lossd::wire

#endif  // LOSSD_PROTO_WIRE_SPLIT_MESSAGE_H_
