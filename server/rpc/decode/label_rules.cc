#include "server/rpc/decode/label_rules.h"

#include <cmath>
#include <limits>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/loss/catalogue.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/tensor/element_violations.h"

namespace lossd::rpc {
namespace {

// Returns how far from 1 the sum of a row of targets may be: twice what rounding each target to
// BFLOAT16, the type with the fewest digits, can do, and what the targets' own type does to numbers
// below its smallest normal one: up to half of its smallest to each, which matters to FLOAT16 and
// many classes.
double SumTolerance(v1::DataType type, int64_t classes) {
  constexpr double kOfDigits = 0x1p-8;
  return kOfDigits + static_cast<double>(classes) * SmallestPositive(type) / 2;
}

// Returns what targets are called in an error.
absl::string_view KindOf(const OwnedTargets& targets) {
  return targets.kind == loss::TargetKind::kGiven ? "float labels" : "teacher_logits";
}

void CheckIgnoreIndex(const loss::LossSpec& spec, const OwnedTargets& targets,
                      const Field& loss_field) {
  if (!spec.ignore_index) return;
  loss_field["ignore_index"].Refuse("= ", *spec.ignore_index, " beside ", KindOf(targets),
                                    ", expected integer labels; "
                                    "sample_weights of the losses' shape ignore where they are 0");
}

void CheckAdjustmentTakesTargets(const loss::LossSpec& spec, const OwnedTargets& targets,
                                 const Field& loss_field) {
  absl::string_view name;
  if (std::holds_alternative<loss::MarginAdjustment>(spec.logit_adjustment)) name = "margin";
  if (std::holds_alternative<loss::SeesawAdjustment>(spec.logit_adjustment)) name = "seesaw";
  if (name.empty()) return;
  loss_field["logit_adjustment"][name].Refuse("is set beside ", KindOf(targets),
                                              ", expected integer labels");
}

// Calls check(row, k, target) for every target, as long as the request is not cancelled.
template <typename Check>
void ForEachTarget(const OwnedTargets& targets, const LogitsLayout& layout, const Field& field,
                   Check check) {
  const auto check_row = [&](const auto& array, int64_t row) {
    for (int64_t k = 0; k < layout.classes; ++k) {
      check(row, k, double{array[static_cast<size_t>(row * layout.classes + k)]});
    }
  };
  std::visit(
      [&](const auto& array) {
        ForEachBlock(layout.rows, layout.classes, field.cancellation(),
                     [&](int64_t begin, int64_t end) {
                       for (int64_t row = begin; row < end; ++row) check_row(array, row);
                     });
      },
      targets.values);
}

std::string EmptyClassText(int64_t k) {
  return absl::StrCat("is on class ", k, ", which has no samples in logit_adjustment.prior.counts");
}

void CheckPrior(const loss::PriorAdjustment& prior, const loss::LossSpec& spec,
                const OwnedLabels& labels, const LogitsLayout& layout, const Weightless& weightless,
                const Field& labels_field) {
  // Counts that did not decode, and labels that are no classes, are violations already.
  if (prior.counts.size() != static_cast<size_t>(layout.classes)) return;
  const Shape rows = layout.RowShape();
  ElementViolations elements(labels_field, rows);
  if (const auto* ids = std::get_if<OwnedClassIds>(&labels)) {
    elements.ForEach(ids->values.size(), [&](size_t row) {
      const int64_t k = ids->values[row];
      if (k < 0 || k >= layout.classes || k == spec.ignore_index) return;
      if (prior.counts[static_cast<size_t>(k)] > 0) return;
      if (weightless.Row(static_cast<int64_t>(row))) return;
      elements.Add(row, [k] { return EmptyClassText(k); });
    });
  } else if (const auto* targets = std::get_if<OwnedTargets>(&labels)) {
    const double none =
        targets->kind == loss::TargetKind::kGiven ? 0 : -std::numeric_limits<double>::infinity();
    ForEachTarget(*targets, layout, labels_field, [&](int64_t row, int64_t k, double target) {
      if (!(target > none) || prior.counts[static_cast<size_t>(k)] > 0) return;
      if (weightless.Row(row)) return;
      elements.Add(static_cast<size_t>(row), [k] { return EmptyClassText(k); });
    });
  }
}

void CheckSumsToOne(const OwnedTargets& targets, const loss::FormInfo& form,
                    const LogitsLayout& layout, const Weightless& weightless,
                    const Field& labels_field) {
  const double tolerance = SumTolerance(targets.type, layout.classes);
  constexpr double kNoTarget = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sums(static_cast<size_t>(layout.rows), 0.0);
  ForEachTarget(targets, layout, labels_field, [&](int64_t row, int64_t, double target) {
    sums[static_cast<size_t>(row)] += target >= 0 ? target : kNoTarget;
  });
  const Shape rows = layout.RowShape();
  ElementViolations elements(labels_field, rows);
  elements.ForEach(sums.size(), [&](size_t row) {
    if (std::abs(sums[row] - 1) <= tolerance || std::isnan(sums[row])) return;
    if (weightless.Row(static_cast<int64_t>(row))) return;
    elements.Add(row, [&] {
      return absl::StrCat("sums to ", NumberText(sums[row]), ", expected 1 for ",
                          form.variant_of == nullptr ? form.name : form.variant_of);
    });
  });
}

// Refuses integers where each class needs a target.
void CheckHasTargets(const loss::FormInfo& form, const Field& labels_field) {
  if (form.targets != loss::TargetRule::kOfEveryClass) return;
  labels_field.Refuse("are integers, expected floats for ", form.name,
                      ", a target per class, or teacher_logits");
}

}  // namespace

void CheckLabelRules(const loss::LossSpec& spec, const OwnedLabels& labels,
                     const LogitsLayout& layout, const Weightless& weightless, const Field& request,
                     const Field& loss_field) {
  const Field labels_field = request[NameOf(labels)];
  if (const auto* prior = std::get_if<loss::PriorAdjustment>(&spec.logit_adjustment)) {
    CheckPrior(*prior, spec, labels, layout, weightless, labels_field);
  }
  const auto* targets = std::get_if<OwnedTargets>(&labels);
  if (targets == nullptr) {
    if (spec.activation == loss::Activation::kSoftmax) CheckHasTargets(*spec.form, labels_field);
    return;
  }
  CheckIgnoreIndex(spec, *targets, loss_field);
  CheckAdjustmentTakesTargets(spec, *targets, loss_field);
  if (spec.activation == loss::Activation::kSoftmax && targets->kind == loss::TargetKind::kGiven &&
      spec.form->targets == loss::TargetRule::kSumToOne) {
    CheckSumsToOne(*targets, *spec.form, layout, weightless, labels_field);
  }
}

}  // namespace lossd::rpc
