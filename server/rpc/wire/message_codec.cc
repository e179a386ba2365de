#include "server/rpc/wire/message_codec.h"

#include <cassert>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "lossd/v1/compute.pb.h"
#include "server/rpc/errors/status.h"
#include "server/rpc/wire/pieces_stream.h"

namespace lossd::rpc {
namespace {

using google::protobuf::MessageLite;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

absl::Status CheckSize(absl::string_view what, size_t bytes, int64_t max_message_bytes) {
  if (bytes <= static_cast<uint64_t>(max_message_bytes)) return absl::OkStatus();
  return LimitExceeded(absl::StrCat("the ", what, " has ", bytes, " bytes, more than the limit of ",
                                    max_message_bytes,
                                    " bytes for a message (--max-message-bytes)"));
}

// Writes bytes to be sent, exactly as many as it was made for.
class BytesWriter {
 public:
  explicit BytesWriter(size_t size)
      : bytes_(size, '\0'), end_(reinterpret_cast<uint8_t*>(bytes_.data())) {}

  // The sizes that ByteSizeLong() left in `message` must be its own still.
  void Write(const MessageLite& message) { end_ = message.SerializeWithCachedSizesToArray(end_); }
  void WriteTag(int field, WireFormatLite::WireType type) {
    end_ = CodedOutputStream::WriteTagToArray(WireFormatLite::MakeTag(field, type), end_);
  }
  void WriteVarint(uint64_t value) { end_ = CodedOutputStream::WriteVarint64ToArray(value, end_); }

  std::string Build() && {
    assert(end_ == reinterpret_cast<uint8_t*>(bytes_.data()) + bytes_.size());
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
  uint8_t* end_;
};

size_t TagSize(int field) {
  return CodedOutputStream::VarintSize32(
      WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
}

size_t LengthDelimitedSize(int field, size_t size) {
  return TagSize(field) + CodedOutputStream::VarintSize64(size) + size;
}

constexpr int kDataField = v1::Tensor::kDataFieldNumber;

// Returns the size of a tensor's message, its data included, and leaves sizes in it for writing.
size_t SizeOf(const OutgoingTensor& outgoing) {
  return outgoing.tensor.ByteSizeLong() + LengthDelimitedSize(kDataField, outgoing.data_size());
}

size_t SizeOf(const ComputeAnswer& answer) {
  size_t size = answer.message.ByteSizeLong();
  for (const OutgoingTensor& outgoing : answer.tensors) {
    size += LengthDelimitedSize(outgoing.field_number, SizeOf(outgoing));
  }
  return size;
}

// Returns all of a tensor's field but the elements, which follow it.
std::string HeadOf(const OutgoingTensor& outgoing) {
  const size_t size = SizeOf(outgoing);
  BytesWriter head(LengthDelimitedSize(outgoing.field_number, size) - outgoing.data_size());
  head.WriteTag(outgoing.field_number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  head.WriteVarint(size);
  head.Write(outgoing.tensor);
  head.WriteTag(kDataField, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  head.WriteVarint(outgoing.data_size());
  return std::move(head).Build();
}

std::string BytesOf(const MessageLite& message, size_t size) {
  BytesWriter bytes(size);
  bytes.Write(message);
  return std::move(bytes).Build();
}

// Takes the tensors' buffers. The sizes that SizeOf() left in the messages are those to be written,
// so `answer` must be the same object still. The fields may come in any order: protobuf reads them
// all the same.
void AppendAnswer(ComputeAnswer& answer, SentBytes& bytes) {
  bytes.Append(BytesOf(answer.message, static_cast<size_t>(answer.message.GetCachedSize())));
  for (OutgoingTensor& outgoing : answer.tensors) {
    bytes.Append(HeadOf(outgoing));
    for (Buffer& buffer : outgoing.data) bytes.Append(std::move(buffer));
  }
}

absl::Status ParseWhole(const BytePieces& bytes, MessageLite& message) {
  PiecesStream stream(bytes);
  if (!message.ParseFromZeroCopyStream(&stream)) return MalformedRequest(message.GetTypeName());
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseMessage(const BytePieces& bytes, int64_t max_message_bytes,
                          MessageLite& message) {
  absl::Status status = CheckSize("request", bytes.size(), max_message_bytes);
  return status.ok() ? ParseWhole(bytes, message) : status;
}

absl::StatusOr<TensorPayloads> ParseAroundTensors(const BytePieces& bytes,
                                                  int64_t max_message_bytes,
                                                  absl::Span<const SplitField> tensors,
                                                  MessageLite& message) {
  absl::Status status = CheckSize("request", bytes.size(), max_message_bytes);
  if (!status.ok()) return status;
  std::optional<SplitMessage> split = TakeOutTensors(bytes, tensors);
  if (!split) {
    status = ParseWhole(bytes, message);
    if (!status.ok()) return status;
    return TensorPayloads();
  }
  if (!message.ParseFromString(split->rest)) return MalformedRequest(message.GetTypeName());
  return std::move(split->payloads);
}

absl::StatusOr<SentBytes> SerializeMessage(const MessageLite& message, int64_t max_message_bytes) {
  const size_t size = message.ByteSizeLong();
  absl::Status status = CheckSize("response", size, max_message_bytes);
  if (!status.ok()) return status;
  return SentBytes(BytesOf(message, size));
}

absl::StatusOr<SentBytes> SerializeAnswer(ComputeAnswer answer, int64_t max_message_bytes) {
  absl::Status status = CheckSize("response", SizeOf(answer), max_message_bytes);
  if (!status.ok()) return status;
  SentBytes bytes;
  AppendAnswer(answer, bytes);
  return bytes;
}

absl::StatusOr<SentBytes> SerializeStreamAnswer(uint64_t sequence, ComputeAnswer answer,
                                                int64_t max_message_bytes) {
  const size_t size = SizeOf(answer);
  v1::ComputeStreamResponse envelope;
  envelope.set_sequence(sequence);
  constexpr int kResponse = v1::ComputeStreamResponse::kResponseFieldNumber;
  const size_t whole = envelope.ByteSizeLong() + LengthDelimitedSize(kResponse, size);
  absl::Status status = CheckSize("response", whole, max_message_bytes);
  if (!status.ok()) return status;
  BytesWriter head(whole - size);
  head.Write(envelope);
  head.WriteTag(kResponse, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  head.WriteVarint(size);
  SentBytes bytes(std::move(head).Build());
  AppendAnswer(answer, bytes);
  return bytes;
}

}  // namespace lossd::rpc
