#include "server/rpc/decode/output_options_decoder.h"

#include "absl/strings/str_cat.h"
#include "server/rpc/decode/activation_decoder.h"
#include "server/rpc/decode/output_fields.h"
#include "server/rpc/errors/unknown_value.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/element_violations.h"

namespace lossd::rpc {
namespace {

void CheckGradientType(v1::DataType type, const Field& field) {
  if (!v1::DataType_IsValid(type)) return RefuseUnknownValue(type, field);
  CheckFamily(type, TypeFamily::kFloat, field);
}

loss::HessianMode DecodeHessianMode(v1::HessianMode mode, const Field& field) {
  switch (mode) {
    case v1::HESSIAN_MODE_UNSPECIFIED:
    case v1::HESSIAN_MODE_EXACT:
      return loss::HessianMode::kExact;
    case v1::HESSIAN_MODE_POSITIVE:
      return loss::HessianMode::kPositive;
    default:
      RefuseUnknownValue(mode, field);
      return loss::HessianMode::kExact;
  }
}

// Each entry takes memory and time beside a batch of any size.
constexpr int kMostTopK = 65536;

void CheckTopK(const v1::OutputOptions& outputs, const Field& field) {
  if (outputs.top_k_size() > kMostTopK) {
    field.Refuse("has ", outputs.top_k_size(), " entries, expected at most ", kMostTopK);
    return;
  }
  const Shape shape = {outputs.top_k_size()};
  ElementViolations elements(field, shape);
  for (int i = 0; i < outputs.top_k_size(); ++i) {
    if (outputs.top_k(i) >= 1) continue;
    elements.Add(static_cast<size_t>(i),
                 [&] { return absl::StrCat("= ", outputs.top_k(i), ", expected >= 1"); });
  }
}

void CheckActivations(const v1::OutputOptions& outputs, loss::Activation activation,
                      const Field& field) {
  constexpr auto kSoftmax = loss::Activation::kSoftmax;
  const bool has_logits = activation != loss::Activation::kLogProbability;
  for (const loss::OutputRow& row : loss::kOutputTable) {
    if (row.activation == loss::OutputActivation::kAny) continue;
    if (!FieldsOf(row.output).IsWanted(outputs)) continue;
    if (row.activation == loss::OutputActivation::kSoftmaxOnly) {
      CheckActivation(kSoftmax, activation, field[row.name]);
    } else if (!has_logits) {
      field[row.name].Refuse(kNoLogitsText);
    }
  }
  if (outputs.class_statistics() && !has_logits) field["class_statistics"].Refuse(kNoLogitsText);
  if (!outputs.top_k().empty()) CheckActivation(kSoftmax, activation, field["top_k"]);
}

}  // namespace

OutputSelection SelectOutputs(const v1::OutputOptions& outputs, TensorStyle style) {
  OutputSelection selection;
  for (const OutputFields& fields : kOutputFields) {
    selection.arrays[fields.output] = fields.IsWanted(outputs);
  }
  selection.class_weights = !outputs.omit_class_weights();
  // People write value lists, and want to see what their request was taken for.
  selection.applied = outputs.has_applied() ? outputs.applied() : style == TensorStyle::kValues;
  selection.gradient_type = outputs.gradient_data_type();
  return selection;
}

void DecodeOutputOptions(const v1::OutputOptions& outputs, loss::Activation activation,
                         const Field& field, loss::ComputeOptions& options) {
  options.class_statistics = outputs.class_statistics();
  options.difficulty = outputs.difficulty();
  options.policy_statistics = outputs.policy_statistics();
  if (outputs.present_classes_only()) options.class_columns = loss::ClassColumns::kPresentOnly;
  options.hessian_mode = DecodeHessianMode(outputs.hessian_mode(), field["hessian_mode"]);
  CheckTopK(outputs, field["top_k"]);
  if (outputs.top_k_size() <= kMostTopK) {
    options.top_k.assign(outputs.top_k().begin(), outputs.top_k().end());
  }
  CheckGradientType(outputs.gradient_data_type(), field["gradient_data_type"]);
  CheckActivations(outputs, activation, field);
  if (outputs.has_hard_threshold()) {
    options.hard_threshold = outputs.hard_threshold();
    CheckRange(options.hard_threshold, kHardThresholdRange, field["hard_threshold"]);
  }
  if (outputs.has_gradient_scale()) {
    options.gradient_scale = outputs.gradient_scale();
    CheckRange(options.gradient_scale, Range::Any(), field["gradient_scale"]);
  }
}

}  // namespace lossd::rpc
