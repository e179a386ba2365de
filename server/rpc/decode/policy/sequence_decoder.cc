#include "server/rpc/decode/policy/sequence_decoder.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/tensor/element_violations.h"
#include "server/rpc/tensor/tensor_shape.h"
#include "server/rpc/tensor/tensor_values.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {
namespace {

// Returns where each sequence ends, or none after adding a violation.
std::vector<int64_t> DecodeEnds(const TensorFields& fields, int64_t samples, const Field& field) {
  const auto tensor = CheckTensor(fields, v1::DATA_TYPE_UNSPECIFIED, field);
  if (!tensor) return {};
  if (tensor->shape.size() != 1) {
    field["shape"].Refuse("= ", ShapeText(tensor->shape), ", expected one axis");
    return {};
  }
  auto lengths = ReadIntegers(*tensor, field);
  if (!lengths) return {};
  ElementViolations elements(field, tensor->shape);
  int64_t left = samples;  // below 0 once the lengths are more
  elements.ForEach(lengths->size(), [&](size_t i) {
    int64_t& length = (*lengths)[i];
    if (length < 0) {
      elements.Add(i, [&] { return absl::StrCat("= ", length, ", expected >= 0"); });
      return;
    }
    left = left < 0 || length > left ? -1 : left - length;
    length = samples - left;
  });
  if (!elements.empty()) return {};
  if (left != 0) {
    field.Refuse("adds up to ", left < 0 ? std::string("more") : absl::StrCat(samples - left),
                 ", expected the number of samples, ", samples);
    return {};
  }
  return *std::move(lengths);
}

}  // namespace

OwnedSequences DecodeSequences(const std::optional<TensorFields>& fields,
                               const LogitsLayout& layout, loss::Activation activation,
                               const std::string& reader, const Field& request) {
  const Field field = request["sequence_lengths"];
  const Shape shape = layout.SampleShape(activation);
  OwnedSequences sequences;
  if (reader.empty()) {
    if (fields) field.Refuse("is set, but neither the reduction nor the loss reads sequences");
    return sequences;
  }
  if (fields && shape.size() > 1) {
    field.Refuse("is set beside losses of shape ", ShapeText(shape),
                 ", whose last axis is the sequence; expected losses of one axis");
  } else if (fields) {
    sequences.ends = DecodeEnds(*fields, ElementCount(shape).value_or(0), field);
  } else if (shape.size() < 2) {
    field.Refuse("is not set, expected the lengths of the sequences for ", reader,
                 " beside losses of one axis");
  } else if (activation == loss::Activation::kSigmoid && layout.moves_classes()) {
    request["class_axis"].Refuse("= 1 for ", reader,
                                 ", expected the last axis: sigmoid's sequences lie along it");
  } else {
    sequences.length = shape.back();
    if (sequences.length != 0) {
      sequences.uniform_count = ElementCount(shape).value_or(0) / sequences.length;
    }
  }
  return sequences;
}

}  // namespace lossd::rpc
