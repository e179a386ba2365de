#include "proto/wire/tensor_fields.h"

#include <utility>

#include "lossd/v1/tensor.pb.h"

namespace lossd::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::vector<int> RivalsOf(const FieldDescriptor& field) {
  std::vector<int> rivals;
  if (const auto* oneof = field.containing_oneof()) {
    for (int i = 0; i < oneof->field_count(); ++i) {
      if (oneof->field(i) != &field) rivals.push_back(oneof->field(i)->number());
    }
  }
  return rivals;
}

// Lists the fields of `message` in which `inside` finds something.
template <typename Inside>
std::vector<SplitField> FindFields(const Descriptor& message, const Inside& inside) {
  std::vector<SplitField> fields;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (field.is_repeated() || field.message_type() == nullptr) continue;
    std::vector<SplitField> found = inside(*field.message_type());
    if (found.empty()) continue;
    fields.push_back({field.number(), std::move(found), RivalsOf(field), field.number()});
  }
  return fields;
}

std::vector<SplitField> DataOfTensor(const Descriptor& message) {
  if (&message != v1::Tensor::descriptor()) return {};
  return {{v1::Tensor::kDataFieldNumber, {}, {}}};
}

std::vector<SplitField> TensorsIn(const Descriptor& message) {
  return FindFields(message, DataOfTensor);
}

// Lists the tensors of a message, and those of the messages in it; none where it has none itself.
std::vector<SplitField> TensorsBelow(const Descriptor& message) {
  std::vector<SplitField> fields = TensorsIn(message);
  if (fields.empty()) return fields;
  for (SplitField& holder : FindFields(message, TensorsIn)) {
    for (SplitField& tensor : holder.inside) tensor.key = TensorKey(holder.number, tensor.number);
    fields.push_back(std::move(holder));
  }
  return fields;
}

}  // namespace

std::vector<SplitField> FindTensorFields(const Descriptor& message) {
  std::vector<SplitField> tensors = TensorsBelow(message);
  return tensors.empty() ? FindFields(message, TensorsBelow) : tensors;
}

}  // namespace lossd::wire
