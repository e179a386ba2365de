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
};

// Lists the fields of `message` that are one Tensor each, and in each of these Tensor::data. A
// message without such fields is an envelope, such as a stream's: then lists the fields that are
// one message with tensors.
std::vector<SplitField> FindTensorFields(const google::protobuf::Descriptor& message);

// Returns the list of a generated message, which is made once.
template <typename Message>
absl::Span<const SplitField> TensorFieldsOf() {
  static const std::vector<SplitField> fields = FindTensorFields(*Message::descriptor());
  return fields;
}

}  // namespace lossd::wire

#endif  // LOSSD_PROTO_WIRE_TENSOR_FIELDS_H_
