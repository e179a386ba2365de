#include "server/rpc/decode/form_decoder.h"

#include <cassert>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "server/loss/catalogue.h"
#include "server/rpc/errors/number_range.h"
#include "server/rpc/errors/number_text.h"

namespace lossd::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using kernels::ParameterInfo;

NumberRange RangeOf(const ParameterInfo& parameter) {
  return {parameter.minimum, parameter.maximum, parameter.minimum_exclusive,
          parameter.maximum_exclusive};
}

// The only gap there is lies between 0 and 1, both of which are allowed.
bool IsInGap(const ParameterInfo& parameter, double value) {
  return parameter.gap != nullptr && value > 0 && value < 1;
}

void CheckParameter(const ParameterInfo& parameter, double value, absl::string_view path,
                    FieldViolations& violations) {
  if (!RangeOf(parameter).Contains(value)) {
    violations.Add(path, OutOfRangeText(value, RangeOf(parameter)));
  } else if (IsInGap(parameter, value)) {
    violations.Add(path, absl::StrCat("= ", NumberText(value), ", expected ", parameter.gap));
  }
}

void DecodeParameters(const Message& form, absl::string_view path, loss::LossSpec& decoded,
                      FieldViolations& violations) {
  for (int i = 0; i < decoded.form->parameter_count; ++i) {
    const ParameterInfo& parameter = decoded.form->parameters[static_cast<size_t>(i)];
    const FieldDescriptor* field = form.GetDescriptor()->FindFieldByName(parameter.name);
    assert(field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE);
    if (field == nullptr || !form.GetReflection()->HasField(form, field)) continue;
    const double value = form.GetReflection()->GetDouble(form, field);
    decoded.parameters[static_cast<size_t>(i)] = value;
    CheckParameter(parameter, value, absl::StrCat(path, ".", parameter.name), violations);
  }
}

// The row that computes the loss: focal's soft_target_rule picks between two.
const loss::FormInfo* RowOf(const v1::LossSpec& spec, const FieldDescriptor& field) {
  const bool blended =
      spec.has_focal() && spec.focal().soft_target_rule() == v1::SOFT_TARGET_RULE_BLENDED;
  return loss::FindForm(blended ? "focal_blended" : field.name());
}

void CheckSoftTargetRule(const v1::LossSpec& spec, absl::string_view path,
                         loss::Activation activation, FieldViolations& violations) {
  const v1::SoftTargetRule rule = spec.focal().soft_target_rule();
  const std::string rule_path = absl::StrCat(path, ".soft_target_rule");
  if (!v1::SoftTargetRule_IsValid(rule)) {
    violations.Add(rule_path,
                   absl::StrCat("= ", static_cast<int>(rule), " is not a SoftTargetRule"));
  } else if (rule == v1::SOFT_TARGET_RULE_BLENDED && activation != loss::Activation::kSigmoid) {
    violations.Add(rule_path, "= BLENDED acts with sigmoid only, but the activation is softmax");
  }
}

void CheckActivation(const loss::LossSpec& decoded, absl::string_view path,
                     FieldViolations& violations) {
  if (decoded.form->activations == kernels::ActivationSet::kSigmoidOnly &&
      decoded.activation != loss::Activation::kSigmoid) {
    violations.Add(path, "is defined for sigmoid only, but the activation is softmax");
  }
}

}  // namespace

const FieldDescriptor* FormField(const v1::LossSpec& spec) {
  const google::protobuf::OneofDescriptor* form =
      v1::LossSpec::descriptor()->FindOneofByName("form");
  return spec.GetReflection()->GetOneofFieldDescriptor(spec, form);
}

void DecodeForm(const v1::LossSpec& spec, absl::string_view path, loss::LossSpec& decoded,
                FieldViolations& violations) {
  const FieldDescriptor* field = FormField(spec);
  if (field == nullptr) return;
  decoded.form = RowOf(spec, *field);
  assert(decoded.form != nullptr);
  decoded.parameters = loss::DefaultParameters(*decoded.form);

  const std::string form_path = absl::StrCat(path, ".", field->name());
  DecodeParameters(spec.GetReflection()->GetMessage(spec, field), form_path, decoded, violations);
  if (spec.has_focal()) {
    CheckSoftTargetRule(spec, form_path, decoded.activation, violations);
  } else {
    CheckActivation(decoded, form_path, violations);
  }
}

}  // namespace lossd::rpc
