#include "server/rpc/wire/message_codec.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lossd/v1/compute.pb.h"
#include "proto/wire/tensor_head.h"
#include "proto/wire/wire_format.h"
#include "server/rpc/errors/status.h"
#include "server/rpc/wire/parsed_size.h"
#include "server/rpc/wire/pieces_stream.h"

namespace lossd::rpc {
namespace {

using google::protobuf::Message;
using google::protobuf::MessageLite;

absl::Status CheckSize(absl::string_view what, size_t bytes, int64_t max_message_bytes) {
  if (bytes <= static_cast<uint64_t>(max_message_bytes)) return absl::OkStatus();
  return LimitExceeded(absl::StrCat("the ", what, " has ", bytes, " bytes, more than the limit of ",
                                    max_message_bytes,
                                    " bytes for a message (--max-message-bytes)"));
}

// Appends a message whose ByteSizeLong() was called since it changed last: the sizes that this left
// in the message are not computed once more.
void AppendSized(const MessageLite& message, std::string& bytes) {
  const size_t begin = bytes.size();
  bytes.resize(begin + static_cast<size_t>(message.GetCachedSize()));
  message.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(bytes.data() + begin));
}

std::string TensorHead(const OutgoingTensor& outgoing) {
  std::string head;
  wire::AppendTensorHead(outgoing.field_number, outgoing.tensor, outgoing.data_size(), head);
  return head;
}

// Returns the size of what WriteAnswer() writes after `head`. Protobuf cannot serialize what is far
// too large, so that the limit is checked before.
size_t AnswerSize(const ComputeAnswer& answer) {
  size_t bytes = answer.message.ByteSizeLong();
  for (const OutgoingTensor& outgoing : answer.tensors) {
    bytes += TensorHead(outgoing).size() + outgoing.data_size();
  }
  return bytes;
}

// Returns `head` and a response, whose size AnswerSize() told, and takes its tensors' buffers. The
// fields may come in any order: protobuf reads them all the same.
SentBytes WriteAnswer(std::string head, ComputeAnswer&& answer) {
  AppendSized(answer.message, head);
  SentBytes bytes(std::move(head));
  for (OutgoingTensor& outgoing : answer.tensors) {
    bytes.Append(TensorHead(outgoing));
    for (Buffer& buffer : outgoing.data) bytes.Append(std::move(buffer));
  }
  return bytes;
}

absl::Status AdmitMessage(const wire::BytePieces& bytes, const Message& message,
                          const AdmitParsing& admit) {
  if (admit == nullptr || bytes.size() <= kLittleToParse) return absl::OkStatus();
  return admit(ParsedSize(bytes, *message.GetDescriptor()));
}

absl::Status ParseWhole(const wire::BytePieces& bytes, Message& message,
                        const AdmitParsing& admit) {
  absl::Status admitted = AdmitMessage(bytes, message, admit);
  if (!admitted.ok()) return admitted;
  PiecesStream stream(bytes);
  if (!message.ParseFromZeroCopyStream(&stream)) return MalformedRequest(message.GetTypeName());
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseMessage(const wire::BytePieces& bytes, int64_t max_message_bytes,
                          Message& message, const AdmitParsing& admit) {
  absl::Status status = CheckSize("request", bytes.size(), max_message_bytes);
  return status.ok() ? ParseWhole(bytes, message, admit) : status;
}

absl::StatusOr<wire::TensorPayloads> ParseAroundTensors(const wire::BytePieces& bytes,
                                                        int64_t max_message_bytes,
                                                        absl::Span<const wire::SplitField> tensors,
                                                        Message& message,
                                                        const AdmitParsing& admit) {
  absl::Status status = CheckSize("request", bytes.size(), max_message_bytes);
  if (!status.ok()) return status;
  std::optional<wire::SplitMessage> split = wire::TakeOutTensors(bytes, tensors);
  if (!split) {
    status = ParseWhole(bytes, message, admit);
    if (!status.ok()) return status;
    return wire::TensorPayloads();
  }
  status = AdmitMessage(wire::BytePieces(split->rest), message, admit);
  if (!status.ok()) return status;
  if (!message.ParseFromString(split->rest)) return MalformedRequest(message.GetTypeName());
  return std::move(split->payloads);
}

absl::StatusOr<SentBytes> SerializeMessage(const MessageLite& message, int64_t max_message_bytes) {
  // Protobuf cannot serialize what is far too large.
  absl::Status status = CheckSize("response", message.ByteSizeLong(), max_message_bytes);
  if (!status.ok()) return status;
  std::string bytes;
  AppendSized(message, bytes);
  return SentBytes(std::move(bytes));
}

absl::StatusOr<SentBytes> SerializeAnswer(ComputeAnswer&& answer, int64_t max_message_bytes) {
  absl::Status status = CheckSize("response", AnswerSize(answer), max_message_bytes);
  if (!status.ok()) return status;
  return WriteAnswer("", std::move(answer));
}

absl::StatusOr<SentBytes> SerializeStreamAnswer(uint64_t sequence, ComputeAnswer&& answer,
                                                int64_t max_message_bytes) {
  const size_t size = AnswerSize(answer);
  v1::ComputeStreamResponse envelope;
  envelope.set_sequence(sequence);
  std::string head = envelope.SerializeAsString();
  wire::AppendLengthPrefix(v1::ComputeStreamResponse::kResponseFieldNumber, size, head);
  absl::Status status = CheckSize("response", head.size() + size, max_message_bytes);
  if (!status.ok()) return status;
  return WriteAnswer(std::move(head), std::move(answer));
}

}  // namespace lossd::rpc
