#ifndef LOSSD_CLIENT_SRC_WIRE_MESSAGE_PIECES_H_
#define LOSSD_CLIENT_SRC_WIRE_MESSAGE_PIECES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/src/wire/loan.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/support/byte_buffer.h"
#include "lossd/v1/tensor.pb.h"

namespace lossd::client {

// A serialized message in pieces: bytes that protobuf wrote, and between them the elements of large
// arrays, which are sent from where they lie. Its fields may come in any order.
//
//   MessagePieces request;
//   request.AppendFields(message);                       // a v1::ComputeRequest without its arrays
//   request.AppendTensor(2, head, elements);             // logits
//   grpc::ByteBuffer bytes = request.Lend(loan);
class MessagePieces {
 public:
  // Appends the fields that are set in `fields`.
  void AppendFields(const google::protobuf::MessageLite& fields);

  // Appends the field `number`: the Tensor `head`, which has no elements, with `elements`. They
  // must outlive this object.
  void AppendTensor(int number, const v1::Tensor& head, absl::Span<const char> elements);

  // Appends the field `number`: another message.
  void AppendMessage(int number, const MessagePieces& message);

  // Wraps the message so far in another, which has `fields` and this one in the field `number`.
  void WrapAs(int number, const google::protobuf::MessageLite& fields);

  size_t size() const;

  // Returns the message. Lends the arrays of at least `lent_bytes` and copies the smaller ones:
  // below the default a copy costs less than a slice of its own.
  grpc::ByteBuffer Lend(Loan& loan, size_t lent_bytes = kLentBytes) const;

 private:
  static constexpr size_t kLentBytes = size_t{32} << 10;

  // The elements that come before `bytes_[offset]` in the message.
  struct Elements {
    size_t offset;
    absl::Span<const char> values;
  };

  std::string bytes_;
  std::vector<Elements> elements_;
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_MESSAGE_PIECES_H_
