#include "server/rpc/wire/message_codec.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "lossd/v1/compute.pb.h"
#include "server/rpc/errors/status.h"

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

// Bytes to be sent, with room for exactly that many.
class SliceBuilder {
 public:
  explicit SliceBuilder(size_t size)
      : size_(size), bytes_(new uint8_t[size]), end_(bytes_.get()) {}  // Not zeroed.

  void Write(const MessageLite& message) { end_ = message.SerializeWithCachedSizesToArray(end_); }
  void WriteTag(int field, WireFormatLite::WireType type) {
    end_ = CodedOutputStream::WriteTagToArray(WireFormatLite::MakeTag(field, type), end_);
  }
  void WriteVarint(uint64_t value) { end_ = CodedOutputStream::WriteVarint64ToArray(value, end_); }

  grpc::Slice Build() && {
    return {bytes_.release(), size_, [](void* data) { delete[] static_cast<uint8_t*>(data); }};
  }

 private:
  const size_t size_;
  std::unique_ptr<uint8_t[]> bytes_;
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

// A tensor's message, its data included. Sizes are cached in it for writing.
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

// All of a tensor's field but the elements, which follow it.
grpc::Slice HeadOf(const OutgoingTensor& outgoing) {
  const size_t size = SizeOf(outgoing);
  SliceBuilder head(LengthDelimitedSize(outgoing.field_number, size) - outgoing.data_size());
  head.WriteTag(outgoing.field_number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  head.WriteVarint(size);
  head.Write(outgoing.tensor);
  head.WriteTag(kDataField, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  head.WriteVarint(outgoing.data_size());
  return std::move(head).Build();
}

// The slice owns the buffer: gRPC may be done with it after the call has ended.
grpc::Slice SliceOf(Buffer data) {
  auto owner = std::make_unique<Buffer>(std::move(data));
  void* const bytes = owner->data();
  const size_t size = owner->size();
  return {bytes, size, [](void* buffer) { delete static_cast<Buffer*>(buffer); }, owner.release()};
}

grpc::Slice SliceOf(const MessageLite& message, size_t size) {
  SliceBuilder builder(size);
  builder.Write(message);
  return std::move(builder).Build();
}

// Takes the tensors' buffers. The sizes that SizeOf() left in the messages are those to be written,
// so the answer is the same object still. The fields may come in any order; protobuf reads them all
// the same.
void AppendAnswer(ComputeAnswer& answer, std::vector<grpc::Slice>& slices) {
  slices.push_back(SliceOf(answer.message, static_cast<size_t>(answer.message.GetCachedSize())));
  for (OutgoingTensor& outgoing : answer.tensors) {
    slices.push_back(HeadOf(outgoing));
    for (Buffer& buffer : outgoing.data) slices.push_back(SliceOf(std::move(buffer)));
  }
}

absl::Status ParseWhole(grpc::ByteBuffer& bytes, MessageLite& message) {
  grpc::ProtoBufferReader reader(&bytes);
  // A reader that cannot start is a compressed message that does not decompress.
  if (!reader.status().ok() || !message.ParseFromZeroCopyStream(&reader)) {
    return MalformedRequest(message.GetTypeName());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseMessage(grpc::ByteBuffer& bytes, int64_t max_message_bytes,
                          MessageLite& message) {
  absl::Status status = CheckSize("request", bytes.Length(), max_message_bytes);
  return status.ok() ? ParseWhole(bytes, message) : status;
}

absl::StatusOr<ReceivedTensors> ParseAroundTensors(grpc::ByteBuffer& bytes,
                                                   int64_t max_message_bytes,
                                                   absl::Span<const SplitField> tensors,
                                                   MessageLite& message) {
  absl::Status status = CheckSize("request", bytes.Length(), max_message_bytes);
  if (!status.ok()) return status;
  ReceivedTensors received;
  BytePieces pieces;
  std::vector<grpc::Slice> slices;
  if (bytes.Dump(&slices).ok()) {
    // They stay where they are from here on: a short slice's bytes are in itself.
    received.slices.reserve(slices.size());
    for (grpc::Slice& slice : slices) {
      ReceivedSlice& kept = received.slices.emplace_back(std::move(slice));
      pieces.Append(kept.bytes(), &kept);
    }
    if (std::optional<SplitMessage> split = TakeOutTensors(pieces, tensors)) {
      bytes.Clear();
      if (!message.ParseFromString(split->rest)) return MalformedRequest(message.GetTypeName());
      received.payloads = std::move(split->payloads);
      return received;
    }
  }
  received.slices.clear();
  status = ParseWhole(bytes, message);
  bytes.Clear();
  if (!status.ok()) return status;
  return received;
}

absl::StatusOr<grpc::ByteBuffer> SerializeMessage(const MessageLite& message,
                                                  int64_t max_message_bytes) {
  const size_t size = message.ByteSizeLong();
  absl::Status status = CheckSize("response", size, max_message_bytes);
  if (!status.ok()) return status;
  const grpc::Slice slice = SliceOf(message, size);
  return grpc::ByteBuffer(&slice, 1);
}

absl::StatusOr<grpc::ByteBuffer> SerializeAnswer(ComputeAnswer answer, int64_t max_message_bytes) {
  absl::Status status = CheckSize("response", SizeOf(answer), max_message_bytes);
  if (!status.ok()) return status;
  std::vector<grpc::Slice> slices;
  AppendAnswer(answer, slices);
  return grpc::ByteBuffer(slices.data(), slices.size());
}

absl::StatusOr<grpc::ByteBuffer> SerializeStreamAnswer(uint64_t sequence, ComputeAnswer answer,
                                                       int64_t max_message_bytes) {
  const size_t size = SizeOf(answer);
  v1::ComputeStreamResponse envelope;
  envelope.set_sequence(sequence);
  constexpr int kResponse = v1::ComputeStreamResponse::kResponseFieldNumber;
  const size_t whole = envelope.ByteSizeLong() + LengthDelimitedSize(kResponse, size);
  absl::Status status = CheckSize("response", whole, max_message_bytes);
  if (!status.ok()) return status;
  SliceBuilder head(whole - size);
  head.Write(envelope);
  head.WriteTag(kResponse, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  head.WriteVarint(size);
  std::vector<grpc::Slice> slices = {std::move(head).Build()};
  AppendAnswer(answer, slices);
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace lossd::rpc
