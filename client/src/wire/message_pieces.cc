#include "client/src/wire/message_pieces.h"

#include "grpcpp/support/slice.h"
#include "proto/wire/tensor_head.h"
#include "proto/wire/wire_format.h"

namespace lossd::client {

void MessagePieces::AppendFields(const google::protobuf::MessageLite& fields) {
  fields.AppendToString(&bytes_);
}

void MessagePieces::AppendTensor(int number, const v1::Tensor& head,
                                 absl::Span<const char> elements) {
  wire::AppendTensorHead(number, head, elements.size(), bytes_);
  if (elements.size() < kLentBytes) {
    bytes_.append(elements.data(), elements.size());
  } else {
    elements_.push_back({bytes_.size(), elements});
  }
}

void MessagePieces::AppendMessage(int number, const MessagePieces& message) {
  wire::AppendLengthPrefix(number, message.size(), bytes_);
  for (const Elements& elements : message.elements_) {
    elements_.push_back({bytes_.size() + elements.offset, elements.values});
  }
  bytes_.append(message.bytes_);
}

void MessagePieces::WrapAs(int number, const google::protobuf::MessageLite& fields) {
  std::string outer = fields.SerializeAsString();
  wire::AppendLengthPrefix(number, size(), outer);
  for (Elements& elements : elements_) elements.offset += outer.size();
  bytes_.insert(0, outer);
}

size_t MessagePieces::size() const {
  size_t size = bytes_.size();
  for (const Elements& elements : elements_) size += elements.values.size();
  return size;
}

grpc::ByteBuffer MessagePieces::Lend(Loan& loan, size_t lent_bytes) const {
  std::vector<grpc::Slice> slices;
  size_t written = 0;
  const auto append_bytes_until = [&](size_t end) {
    if (written == end) return;
    slices.emplace_back(bytes_.data() + written, end - written);
    written = end;
  };
  for (const Elements& elements : elements_) {
    append_bytes_until(elements.offset);
    const absl::Span<const char> values = elements.values;
    slices.push_back(values.size() < lent_bytes ? grpc::Slice(values.data(), values.size())
                                                : loan.Lend(values));
  }
  append_bytes_until(bytes_.size());
  return {slices.data(), slices.size()};
}

}  // namespace lossd::client
