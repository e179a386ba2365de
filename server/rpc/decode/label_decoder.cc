#include "server/rpc/decode/label_decoder.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/tensor/element_violations.h"
#include "server/rpc/tensor/tensor_values.h"

namespace lossd::rpc {
namespace {

constexpr char kPath[] = "labels";

void AddShapeViolation(const Shape& shape, absl::string_view expected,
                       FieldViolations& violations) {
  violations.Add("labels.shape", absl::StrCat("= ", ShapeText(shape), ", expected ", expected));
}

std::optional<OwnedLabels> DecodeTargets(const TensorView& tensor, const LogitsLayout& layout,
                                         loss::Activation activation, BufferPool& pool,
                                         FieldViolations& violations) {
  if (tensor.shape != layout.shape) {
    AddShapeViolation(tensor.shape,
                      absl::StrCat("the logits' shape ", ShapeText(layout.shape),
                                   " for float labels, a target per class"),
                      violations);
    return std::nullopt;
  }
  auto targets = ReadFloats(tensor, kPath, pool, violations);
  if (!targets) return std::nullopt;
  const Bound bound = activation == loss::Activation::kSoftmax ? Bound::kFiniteAndNotNegative
                                                               : Bound::kUnitInterval;
  if (!CheckBound(ViewOf(*targets), tensor.shape, bound, kPath, violations)) return std::nullopt;
  return std::visit(
      [&](auto array) -> OwnedLabels {
        return OwnedTargets{MoveClassesLast(layout, std::move(array))};
      },
      *std::move(targets));
}

std::optional<OwnedLabels> DecodeIntegers(const TensorView& tensor, const LogitsLayout& layout,
                                          loss::Activation activation,
                                          FieldViolations& violations) {
  const bool sigmoid = activation == loss::Activation::kSigmoid;
  const bool per_logit = sigmoid && tensor.shape == layout.shape;
  if (!per_logit && tensor.shape != layout.RowShape()) {
    const std::string rows = ShapeText(layout.RowShape());
    AddShapeViolation(tensor.shape,
                      sigmoid ? absl::StrCat("the logits' shape ", ShapeText(layout.shape),
                                             " for 0/1 labels or ", rows, " for class labels")
                              : absl::StrCat(rows, " for integer labels, the class of each sample"),
                      violations);
    return std::nullopt;
  }
  auto integers = ReadIntegers(tensor, kPath, violations);
  if (!integers) return std::nullopt;
  if (per_logit) return OwnedBinaryLabels{MoveClassesLast(layout, *std::move(integers))};
  return OwnedClassIds{*std::move(integers)};
}

// An empty tensor need not name its type: its shape then says which kind of labels it holds none
// of.
bool HoldsTargets(const TensorView& tensor, const LogitsLayout& layout) {
  if (tensor.type != v1::DATA_TYPE_UNSPECIFIED) return IsFloat(tensor.type);
  return tensor.shape == layout.shape;
}

std::string IgnoreHint(std::optional<int64_t> ignore_index) {
  return ignore_index ? absl::StrCat(" and is not ignore_index ", *ignore_index) : "";
}

// Labels in [0, end) are valid; `text` says so.
struct LabelRange {
  int64_t end;
  std::string text;
};

void CheckRange(absl::Span<const int64_t> labels, const Shape& shape, const LabelRange& range,
                std::optional<int64_t> ignore_index, FieldViolations& violations) {
  ElementViolations elements(kPath, shape, violations);
  for (size_t i = 0; i < labels.size(); ++i) {
    const int64_t label = labels[i];
    if ((label >= 0 && label < range.end) || label == ignore_index) continue;
    elements.Add(i, [&] {
      return absl::StrCat("= ", label, " is not ", range.text, IgnoreHint(ignore_index));
    });
  }
}

}  // namespace

loss::Labels ViewOf(const OwnedLabels& labels) {
  if (const auto* ids = std::get_if<OwnedClassIds>(&labels)) return loss::ClassIds{ids->values};
  if (const auto* binary = std::get_if<OwnedBinaryLabels>(&labels)) {
    return loss::BinaryLabels{binary->values};
  }
  return loss::Targets{ViewOf(std::get<OwnedTargets>(labels).values)};
}

std::optional<OwnedLabels> DecodeLabels(const std::optional<TensorFields>& fields,
                                        const LogitsLayout& layout, loss::Activation activation,
                                        BufferPool& pool, FieldViolations& violations) {
  if (!fields) {
    violations.Add(kPath, "is not set, expected a tensor of classes or targets");
    return std::nullopt;
  }
  const auto tensor = CheckTensor(*fields, v1::DATA_TYPE_UNSPECIFIED, kPath, violations);
  if (!tensor) return std::nullopt;
  return HoldsTargets(*tensor, layout)
             ? DecodeTargets(*tensor, layout, activation, pool, violations)
             : DecodeIntegers(*tensor, layout, activation, violations);
}

void CheckClassRange(const OwnedLabels& labels, const LogitsLayout& layout,
                     loss::Activation activation, std::optional<int64_t> ignore_index,
                     FieldViolations& violations) {
  if (const auto* ids = std::get_if<OwnedClassIds>(&labels)) {
    // Beside sigmoid, C itself says that every class is negative.
    const bool sigmoid = activation == loss::Activation::kSigmoid;
    const LabelRange range = {sigmoid ? layout.classes + 1 : layout.classes,
                              absl::StrCat("in [0, ", layout.classes, sigmoid ? "]" : ")")};
    CheckRange(ids->values, layout.RowShape(), range, ignore_index, violations);
  } else if (const auto* binary = std::get_if<OwnedBinaryLabels>(&labels)) {
    const LabelRange range = {2, "0 or 1"};
    if (layout.moves_classes()) {
      // Places are named as the request has them.
      CheckRange(MoveClassesBack(layout, binary->values), layout.shape, range, ignore_index,
                 violations);
    } else {
      CheckRange(binary->values, layout.shape, range, ignore_index, violations);
    }
  }
}

}  // namespace lossd::rpc
