#include "server/rpc/decode/teacher_decoder.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <variant>

#include "server/rpc/decode/activation_decoder.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/tensor/element_violations.h"
#include "server/rpc/tensor/tensor_values.h"

namespace lossd::rpc {
namespace {

template <typename T>
bool HasAnyAbove(const T* logits, int64_t count) {
  constexpr T kNothing = -std::numeric_limits<T>::infinity();
  return std::any_of(logits, logits + count, [](T logit) { return logit != kNothing; });
}

}  // namespace

std::optional<OwnedLabels> DecodeTeacherLogits(const BatchFields& fields,
                                               const LogitsLayout& layout,
                                               loss::Activation activation, BufferPool& pool,
                                               const Field& request) {
  const Field field = request["teacher_logits"];
  const bool is_alone = !fields.labels;
  if (!is_alone) field.Refuse("is set beside labels, expected one of them");
  const bool acts = CheckActivation(loss::Activation::kSoftmax, activation, field);
  const auto tensor = CheckTensor(*fields.teacher_logits, v1::DATA_TYPE_UNSPECIFIED, field);
  if (!tensor) return std::nullopt;
  const bool fits = tensor->shape == layout.shape;
  if (!fits) {
    field["shape"].Refuse("= ", ShapeText(tensor->shape), ", expected the logits' shape ",
                          ShapeText(layout.shape));
  }
  auto logits = ReadFloats(*tensor, field, pool);
  if (!logits || !is_alone || !acts || !fits) return std::nullopt;
  return std::visit(
      [&](auto array) -> OwnedLabels {
        return OwnedTargets{MoveClassesLast(layout, std::move(array)), tensor->type,
                            loss::TargetKind::kTeacherLogits};
      },
      *std::move(logits));
}

void CheckTeacherLogits(const OwnedTargets& teacher, const LogitsLayout& layout,
                        const Weightless& weightless, const Field& field) {
  const auto place = [&](int64_t i) { return layout.CoreElement(i); };
  const auto is_read = [&](int64_t element) {
    return !weightless.Sample(element / layout.classes);
  };
  CheckBound(ViewOf(teacher.values), {place, is_read}, layout.shape, Bound::kBelowInfinity, field);
  const Shape rows = layout.RowShape();
  ElementViolations elements(field, rows);
  std::visit(
      [&](const auto& logits) {
        elements.ForEach(static_cast<size_t>(layout.rows), [&](size_t i) {
          const auto row = static_cast<int64_t>(i);
          if (HasAnyAbove(logits.data() + row * layout.classes, layout.classes)) return;
          if (weightless.Row(row)) return;
          elements.Add(i, [] { return "is -inf for every class, expected a logit above"; });
        });
      },
      teacher.values);
}

loss::TeacherOptions DecodeTeacherOptions(const v1::TeacherOptions& options, const Field& field) {
  loss::TeacherOptions decoded;
  if (options.has_temperature()) {
    decoded.temperature = options.temperature();
    CheckRange(options.temperature(), Range::Above(0), field["temperature"]);
  }
  decoded.scales_by_squared_temperature = options.scale_by_squared_temperature();
  return decoded;
}

void CheckTeacherActs(const loss::LossSpec& spec, const BatchFields& fields,
                      const OwnedLabels* labels, const Field& loss_field) {
  if (spec.teacher.temperature && !fields.teacher_logits) {
    loss_field["teacher"]["temperature"].Refuse("acts beside teacher_logits only");
  }
  if (!spec.teacher.scales_by_squared_temperature) return;
  if (labels == nullptr || std::holds_alternative<OwnedTargets>(*labels)) return;
  if (spec.activation == loss::Activation::kLogProbability) return;
  loss_field["teacher"]["scale_by_squared_temperature"].Refuse(
      "acts beside teacher_logits and float labels only, but the labels are integers");
}

}  // namespace lossd::rpc
