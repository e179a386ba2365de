#include "server/rpc/wire/message_codec.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lossd/v1/compute.pb.h"
#include "proto/wire/tensor_head.h"
#include "proto/wire/wire_format.h"
#include "server/rpc/errors/status.h"
#include "server/rpc/wire/pieces_stream.h"

namespace lossd::rpc {
namespace {

using google::protobuf::MessageLite;

absl::Status CheckSize(absl::string_view what, size_t bytes, int64_t max_message_bytes) {
  if (bytes <= static_cast<uint64_t>(max_message_bytes)) return absl::OkStatus();
  return LimitExceeded(absl::StrCat("the ", what, " has ", bytes, " bytes, more than the limit of ",
                                    max_message_bytes,
                                    " bytes for a message (--max-message-bytes)"));
}

// Returns the bytes of a response, and takes its tensors' buffers. The fields may come in any
// order: protobuf reads them all the same.
SentBytes AssembleAnswer(ComputeAnswer answer) {
  SentBytes bytes(answer.message.SerializeAsString());
  for (OutgoingTensor& outgoing : answer.tensors) {
    std::string head;
    wire::AppendTensorHead(outgoing.field_number, outgoing.tensor, outgoing.data_size(), head);
    bytes.Append(std::move(head));
    for (Buffer& buffer : outgoing.data) bytes.Append(std::move(buffer));
  }
  return bytes;
}

// Returns `bytes` unless there are too many.
absl::StatusOr<SentBytes> WithinLimit(SentBytes bytes, int64_t max_message_bytes) {
  absl::Status status = CheckSize("response", bytes.size(), max_message_bytes);
  if (!status.ok()) return status;
  return bytes;
}

absl::Status ParseWhole(const wire::BytePieces& bytes, MessageLite& message) {
  PiecesStream stream(bytes);
  if (!message.ParseFromZeroCopyStream(&stream)) return MalformedRequest(message.GetTypeName());
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseMessage(const wire::BytePieces& bytes, int64_t max_message_bytes,
                          MessageLite& message) {
  absl::Status status = CheckSize("request", bytes.size(), max_message_bytes);
  return status.ok() ? ParseWhole(bytes, message) : status;
}

absl::StatusOr<wire::TensorPayloads> ParseAroundTensors(const wire::BytePieces& bytes,
                                                        int64_t max_message_bytes,
                                                        absl::Span<const wire::SplitField> tensors,
                                                        MessageLite& message) {
  absl::Status status = CheckSize("request", bytes.size(), max_message_bytes);
  if (!status.ok()) return status;
  std::optional<wire::SplitMessage> split = wire::TakeOutTensors(bytes, tensors);
  if (!split) {
    status = ParseWhole(bytes, message);
    if (!status.ok()) return status;
    return wire::TensorPayloads();
  }
  if (!message.ParseFromString(split->rest)) return MalformedRequest(message.GetTypeName());
  return std::move(split->payloads);
}

absl::StatusOr<SentBytes> SerializeMessage(const MessageLite& message, int64_t max_message_bytes) {
  // Protobuf cannot serialize what is far too large.
  absl::Status status = CheckSize("response", message.ByteSizeLong(), max_message_bytes);
  if (!status.ok()) return status;
  return SentBytes(message.SerializeAsString());
}

absl::StatusOr<SentBytes> SerializeAnswer(ComputeAnswer answer, int64_t max_message_bytes) {
  return WithinLimit(AssembleAnswer(std::move(answer)), max_message_bytes);
}

absl::StatusOr<SentBytes> SerializeStreamAnswer(uint64_t sequence, ComputeAnswer answer,
                                                int64_t max_message_bytes) {
  SentBytes response = AssembleAnswer(std::move(answer));
  v1::ComputeStreamResponse envelope;
  envelope.set_sequence(sequence);
  std::string head = envelope.SerializeAsString();
  wire::AppendLengthPrefix(v1::ComputeStreamResponse::kResponseFieldNumber, response.size(), head);
  SentBytes bytes(std::move(head));
  bytes.Append(std::move(response));
  return WithinLimit(std::move(bytes), max_message_bytes);
}

}  // namespace lossd::rpc
