#ifndef LOSSD_PROTO_WIRE_TENSOR_FIELDS_H_
#define LOSSD_PROTO_WIRE_TENSOR_FIELDS_H_

#include <vector>

#include "absl/types/span.h"
#include "google/protobuf/descriptor.h"

namespace lossd::wire {

// A field that leads to the large `bytes` of a message: it is these bytes, or a message in which
// there are some.
struct SplitField {
  int number;
  std::vector<SplitField> inside;  // empty: the field itself is the bytes
  std::vector<int> rivals;         // the other fields of its oneof
  int key = 0;                     // what the payload inside is found by: see TensorKey
};

// Returns what the payload of the tensor in field `number` is found by, where the tensor lies in
// the message in field `holder` of its request. That of a request's own tensor is found by its
// number alone.
constexpr int TensorKey(int holder, int number) { return holder << 16 | number; }

// Lists the fields of `message` that are one Tensor each, and in each of these Tensor::data, and
// after them the fields that are one message with tensors, as a request's rollout. A message
// without tensors of its own is an envelope, such as a stream's: then lists the fields that are one
// message of the first kind.
std::vector<SplitField> FindTensorFields(const google::protobuf::Descriptor& message);

// Returns the list of a generated message, which is made once.
template <typename Message>
absl::Span<const SplitField> TensorFieldsOf() {
  static const std::vector<SplitField> fields = FindTensorFields(*Message::descriptor());
  return fields;
}

}  // namespace lossd::wire

#endif  // LOSSD_PROTO_WIRE_TENSOR_FIELDS_H_
