#include "server/rpc/decode/label_decoder.h"

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/decode/teacher_decoder.h"
#include "server/rpc/tensor/element_violations.h"
#include "server/rpc/tensor/tensor_values.h"

namespace lossd::rpc {
namespace {

void RefuseShape(const Shape& shape, absl::string_view expected, const Field& field) {
  field["shape"].Refuse("= ", ShapeText(shape), ", expected ", expected);
}

std::optional<OwnedLabels> DecodeTargets(const TensorView& tensor, const LogitsLayout& layout,
                                         BufferPool& pool, const Field& field) {
  if (tensor.shape != layout.shape) {
    RefuseShape(tensor.shape,
                absl::StrCat("the logits' shape ", ShapeText(layout.shape),
                             " for float labels, a target per class"),
                field);
    return std::nullopt;
  }
  auto targets = ReadFloats(tensor, field, pool);
  if (!targets) return std::nullopt;
  return std::visit(
      [&](auto array) -> OwnedLabels {
        return OwnedTargets{MoveClassesLast(layout, std::move(array)), tensor.type,
                            loss::TargetKind::kGiven};
      },
      *std::move(targets));
}

// Returns true when labels may be the class of each row. Beside a sigmoid's one column they may
// not: libraries disagree on which of the two labels is the yes, and the wrong one trains
// backwards.
bool TakesClassIds(const LogitsLayout& layout, loss::Activation activation) {
  return activation == loss::Activation::kSoftmax || layout.classes > 1;
}

// Returns the shapes that integer labels may have, for an error about those of `tensor`.
std::string ExpectedIntegers(const TensorView& tensor, const LogitsLayout& layout,
                             loss::Activation activation) {
  const std::string rows = ShapeText(layout.RowShape());
  if (activation == loss::Activation::kSoftmax) {
    return absl::StrCat(rows, " for integer labels, the class of each sample",
                        layout.OtherAxisHint(tensor.shape));
  }
  std::string labels =
      absl::StrCat("the logits' shape ", ShapeText(layout.shape), " for 0/1 labels");
  if (TakesClassIds(layout, activation)) {
    return absl::StrCat(labels, " or ", rows, " for class labels",
                        layout.OtherAxisHint(tensor.shape));
  }
  if (tensor.shape != layout.RowShape()) return labels;
  return absl::StrCat(labels, ": as classes of one column, label 0 would be the yes");
}

std::optional<OwnedLabels> DecodeIntegers(const TensorView& tensor, const LogitsLayout& layout,
                                          loss::Activation activation, const Field& field) {
  const bool per_logit = activation == loss::Activation::kSigmoid && tensor.shape == layout.shape;
  const bool per_row = tensor.shape == layout.RowShape() && TakesClassIds(layout, activation);
  if (!per_logit && !per_row) {
    RefuseShape(tensor.shape, ExpectedIntegers(tensor, layout, activation), field);
    return std::nullopt;
  }
  auto integers = ReadIntegers(tensor, field);
  if (!integers) return std::nullopt;
  if (per_logit) return OwnedBinaryLabels{MoveClassesLast(layout, *std::move(integers))};
  return OwnedClassIds{*std::move(integers)};
}

// Returns true for float targets, false for integer labels. An empty tensor need not name its type;
// its shape then tells.
bool HoldsTargets(const TensorView& tensor, const LogitsLayout& layout) {
  if (tensor.type != v1::DATA_TYPE_UNSPECIFIED) return IsFloat(tensor.type);
  return tensor.shape == layout.shape;
}

std::string IgnoreHint(std::optional<int64_t> ignore_index) {
  return ignore_index ? absl::StrCat(" and is not ignore_index ", *ignore_index) : "";
}

// The valid labels, [0, end), and how an error names them.
struct LabelRange {
  int64_t end;
  absl::FunctionRef<std::string()> text;
};

// Adds the labels at fault: element i of the tensor, which has `shape`, is labels[place(i)].
void CheckRange(absl::Span<const int64_t> labels, const ReadValues& read, const Shape& shape,
                const LabelRange& range, std::optional<int64_t> ignore_index, const Field& field) {
  const auto is_wrong = [&](int64_t place) {
    const int64_t label = labels[static_cast<size_t>(place)];
    const bool known = (label >= 0 && label < range.end) || label == ignore_index;
    return !known && read.is_read(place);
  };
  if (!AnyOf(labels.size(), field.cancellation(), is_wrong)) return;
  ElementViolations elements(field, shape);
  elements.ForEach(labels.size(), [&](size_t i) {
    const int64_t place = read.place(static_cast<int64_t>(i));
    if (!is_wrong(place)) return;
    elements.Add(i, [&] {
      return absl::StrCat("= ", labels[static_cast<size_t>(place)], " is not ", range.text(),
                          IgnoreHint(ignore_index));
    });
  });
}

// Checks a label per logit, in the core's order.
template <typename Check>
void CheckElements(const LogitsLayout& layout, loss::Activation activation,
                   const Weightless& weightless, Check check) {
  // The places named are those of the request.
  const auto place = [&](int64_t i) { return layout.CoreElement(i); };
  const int64_t per_sample = activation == loss::Activation::kSoftmax ? layout.classes : 1;
  const auto is_read = [&](int64_t element) { return !weightless.Sample(element / per_sample); };
  check(ReadValues{place, is_read});
}

void CheckClassIds(const OwnedClassIds& ids, const LogitsLayout& layout,
                   loss::Activation activation, std::optional<int64_t> ignore_index,
                   const Weightless& weightless, const Field& field) {
  // With sigmoid, label C says that every class is negative.
  const bool sigmoid = activation == loss::Activation::kSigmoid;
  const auto text = [&] { return absl::StrCat("in [0, ", layout.classes, sigmoid ? "]" : ")"); };
  const LabelRange range = {sigmoid ? layout.classes + 1 : layout.classes, text};
  const auto place = [](int64_t row) { return row; };
  const auto is_read = [&](int64_t row) { return !weightless.Row(row); };
  CheckRange(ids.values, {place, is_read}, layout.RowShape(), range, ignore_index, field);
}

}  // namespace

loss::Labels ViewOf(const OwnedLabels& labels) {
  if (const auto* ids = std::get_if<OwnedClassIds>(&labels)) return loss::ClassIds{ids->values};
  if (const auto* binary = std::get_if<OwnedBinaryLabels>(&labels)) {
    return loss::BinaryLabels{binary->values};
  }
  const auto& targets = std::get<OwnedTargets>(labels);
  return loss::Targets{ViewOf(targets.values), targets.kind};
}

const OwnedTargets* FindTeacher(const OwnedLabels& labels) {
  const auto* targets = std::get_if<OwnedTargets>(&labels);
  return targets != nullptr && targets->kind == loss::TargetKind::kTeacherLogits ? targets
                                                                                 : nullptr;
}

absl::string_view NameOf(const OwnedLabels& labels) {
  return FindTeacher(labels) == nullptr ? "labels" : "teacher_logits";
}

std::optional<OwnedLabels> DecodeLabels(const std::optional<TensorFields>& fields,
                                        const LogitsLayout& layout, loss::Activation activation,
                                        BufferPool& pool, const Field& field) {
  if (activation == loss::Activation::kLogProbability) {
    if (fields) field.Refuse("is set beside log-probabilities, which are those of the truth");
    return OwnedClassIds();
  }
  if (!fields) {
    const bool is_softmax = activation == loss::Activation::kSoftmax;
    field.Refuse("is not set, expected a tensor of classes or targets",
                 is_softmax ? ", or teacher_logits" : "");
    return std::nullopt;
  }
  const auto tensor = CheckTensor(*fields, v1::DATA_TYPE_UNSPECIFIED, field);
  if (!tensor) return std::nullopt;
  return HoldsTargets(*tensor, layout) ? DecodeTargets(*tensor, layout, pool, field)
                                       : DecodeIntegers(*tensor, layout, activation, field);
}

void CheckLabelRange(const OwnedLabels& labels, const LogitsLayout& layout,
                     loss::Activation activation, std::optional<int64_t> ignore_index,
                     const Weightless& weightless, const Field& field) {
  if (const auto* ids = std::get_if<OwnedClassIds>(&labels)) {
    return CheckClassIds(*ids, layout, activation, ignore_index, weightless, field);
  }
  if (const OwnedTargets* teacher = FindTeacher(labels)) {
    return CheckTeacherLogits(*teacher, layout, weightless, field);
  }
  CheckElements(layout, activation, weightless, [&](const ReadValues& read) {
    if (const auto* binary = std::get_if<OwnedBinaryLabels>(&labels)) {
      const auto text = [] { return std::string("0 or 1"); };
      CheckRange(binary->values, read, layout.shape, {2, text}, ignore_index, field);
      return;
    }
    const Bound bound = activation == loss::Activation::kSoftmax ? Bound::kFiniteAndNotNegative
                                                                 : Bound::kUnitInterval;
    CheckBound(ViewOf(std::get<OwnedTargets>(labels).values), read, layout.shape, bound, field);
  });
}

}  // namespace lossd::rpc
