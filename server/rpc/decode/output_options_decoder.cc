#include "server/rpc/decode/output_options_decoder.h"

#include "absl/strings/str_cat.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/element_violations.h"

namespace lossd::rpc {
namespace {

void CheckGradientType(v1::DataType type, FieldViolations& violations) {
  if (type == v1::DATA_TYPE_UNSPECIFIED || IsFloat(type)) return;
  if (!v1::DataType_IsValid(type)) {
    violations.Add("outputs.gradient_data_type",
                   absl::StrCat("= ", static_cast<int>(type), " is not a DataType"));
    return;
  }
  violations.Add(
      "outputs.gradient_data_type",
      absl::StrCat("= ", NameOf(type), ", expected FLOAT16, BFLOAT16, FLOAT32 or FLOAT64"));
}

loss::HessianMode DecodeHessianMode(v1::HessianMode mode, FieldViolations& violations) {
  switch (mode) {
    case v1::HESSIAN_MODE_UNSPECIFIED:
    case v1::HESSIAN_MODE_EXACT:
      return loss::HessianMode::kExact;
    case v1::HESSIAN_MODE_POSITIVE:
      return loss::HessianMode::kPositive;
    default:
      violations.Add("outputs.hessian_mode",
                     absl::StrCat("= ", static_cast<int>(mode), " is not a HessianMode"));
      return loss::HessianMode::kExact;
  }
}

void CheckTopK(const v1::OutputOptions& outputs, FieldViolations& violations) {
  const Shape shape = {outputs.top_k_size()};
  ElementViolations elements("outputs.top_k", shape, violations);
  for (int i = 0; i < outputs.top_k_size(); ++i) {
    if (outputs.top_k(i) >= 1) continue;
    elements.Add(static_cast<size_t>(i),
                 [&] { return absl::StrCat("= ", outputs.top_k(i), ", expected >= 1"); });
  }
}

void CheckSoftmaxOnly(const v1::OutputOptions& outputs, FieldViolations& violations) {
  if (outputs.log_sum_exp()) {
    violations.Add("outputs.log_sum_exp",
                   "= true acts with softmax only, but the activation is sigmoid");
  }
  if (!outputs.top_k().empty()) {
    violations.Add("outputs.top_k", "acts with softmax only, but the activation is sigmoid");
  }
}

}  // namespace

OutputSelection SelectOutputs(const v1::OutputOptions& outputs) {
  OutputSelection selection;
  selection.losses = !outputs.omit_losses();
  selection.gradient = outputs.gradient();
  selection.hessian_diagonal = outputs.hessian_diagonal();
  selection.probabilities = outputs.probabilities();
  selection.log_sum_exp = outputs.log_sum_exp();
  selection.class_weights = !outputs.omit_class_weights();
  selection.present_classes_only = outputs.present_classes_only();
  selection.gradient_type = outputs.gradient_data_type();
  return selection;
}

void DecodeOutputOptions(const v1::OutputOptions& outputs, loss::Activation activation,
                         loss::ComputeOptions& options, FieldViolations& violations) {
  options.class_statistics = outputs.class_statistics();
  options.difficulty = outputs.difficulty();
  options.hessian_mode = DecodeHessianMode(outputs.hessian_mode(), violations);
  options.top_k.assign(outputs.top_k().begin(), outputs.top_k().end());
  CheckTopK(outputs, violations);
  CheckGradientType(outputs.gradient_data_type(), violations);
  if (activation == loss::Activation::kSigmoid) CheckSoftmaxOnly(outputs, violations);
  if (outputs.has_hard_threshold()) {
    options.hard_threshold = outputs.hard_threshold();
    CheckRange(options.hard_threshold, kHardThresholdRange, "outputs.hard_threshold", violations);
  }
  if (outputs.has_gradient_scale()) {
    options.gradient_scale = outputs.gradient_scale();
    CheckRange(options.gradient_scale, Range::Any(), "outputs.gradient_scale", violations);
  }
}

}  // namespace lossd::rpc
