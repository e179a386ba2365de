#ifndef LOSSD_SERVER_RPC_WIRE_MESSAGE_CODEC_H_
#define LOSSD_SERVER_RPC_WIRE_MESSAGE_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "google/protobuf/message.h"
#include "google/protobuf/message_lite.h"
#include "proto/wire/split_message.h"
#include "server/rpc/wire/outgoing_tensor.h"
#include "server/rpc/wire/received_bytes.h"
#include "server/rpc/wire/sent_bytes.h"

namespace lossd::rpc {

inline constexpr size_t kLittleToParse = size_t{16} << 10;

// Is asked for the memory that parsing takes, before it is taken; returns an error to end the call
// with.
using AdmitParsing = std::function<absl::Status(double bytes)>;

// Parses a request, piece by piece. Asks `admit`, unless it is null, about requests of which
// protobuf reads more than kLittleToParse bytes, and returns its error. Returns INVALID_ARGUMENT
// when the bytes are no such message, and RESOURCE_EXHAUSTED when there are more than
// `max_message_bytes` of them.
absl::Status ParseMessage(const wire::BytePieces& bytes, int64_t max_message_bytes,
                          google::protobuf::Message& message, const AdmitParsing& admit = nullptr);

// Parses as ParseMessage does, but does not copy large tensors: they are left out of `message` and
// returned where they lie in `bytes`, which must outlive them. Where nothing is left out it returns
// no payloads, and `bytes` are read no more.
absl::StatusOr<wire::TensorPayloads> ParseAroundTensors(const wire::BytePieces& bytes,
                                                        int64_t max_message_bytes,
                                                        absl::Span<const wire::SplitField> tensors,
                                                        google::protobuf::Message& message,
                                                        const AdmitParsing& admit = nullptr);

// Returns the bytes of a response; RESOURCE_EXHAUSTED when there are more than `max_message_bytes`
// of them. So do the two below.
absl::StatusOr<SentBytes> SerializeMessage(const google::protobuf::MessageLite& message,
                                           int64_t max_message_bytes);

// Returns the bytes of a response, its tensors included and not copied.
absl::StatusOr<SentBytes> SerializeAnswer(ComputeAnswer&& answer, int64_t max_message_bytes);

// Returns the bytes of the ComputeStreamResponse that holds the response; the limit is on these.
absl::StatusOr<SentBytes> SerializeStreamAnswer(uint64_t sequence, ComputeAnswer&& answer,
                                                int64_t max_message_bytes);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_MESSAGE_CODEC_H_
