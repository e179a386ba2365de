#include "server/rpc/decode/form_decoder.h"

#include <cassert>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "server/loss/catalogue.h"
#include "server/rpc/decode/range_check.h"

namespace lossd::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void DecodeParameters(const Message& form, absl::string_view path, loss::LossSpec& decoded,
                      FieldViolations& violations) {
  for (int i = 0; i < decoded.form->parameter_count; ++i) {
    const loss::ParameterInfo& parameter = decoded.form->parameters[static_cast<size_t>(i)];
    const FieldDescriptor* field = form.GetDescriptor()->FindFieldByName(parameter.name);
    assert(field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE);
    if (field == nullptr || !form.GetReflection()->HasField(form, field)) continue;
    const double value = form.GetReflection()->GetDouble(form, field);
    decoded.parameters[static_cast<size_t>(i)] = value;
    CheckRange(value, parameter.range, absl::StrCat(path, ".", parameter.name), violations);
  }
}

bool BlendsTargets(const v1::LossSpec& spec) {
  return spec.has_focal() && spec.focal().soft_target_rule() == v1::SOFT_TARGET_RULE_BLENDED;
}

// Returns the row that computes the loss: the one named as the form's field, or its variant.
const loss::FormInfo* RowOf(const v1::LossSpec& spec, const FieldDescriptor& field) {
  const loss::FormInfo* form = loss::FindForm(field.name());
  assert(form != nullptr);
  return BlendsTargets(spec) ? loss::FindVariant(*form) : form;
}

void CheckSoftTargetRule(const v1::LossSpec& spec, absl::string_view path,
                         FieldViolations& violations) {
  const v1::SoftTargetRule rule = spec.focal().soft_target_rule();
  if (v1::SoftTargetRule_IsValid(rule)) return;
  violations.Add(absl::StrCat(path, ".soft_target_rule"),
                 absl::StrCat("= ", static_cast<int>(rule), " is not a SoftTargetRule"));
}

void CheckActivation(const v1::LossSpec& spec, const loss::LossSpec& decoded,
                     absl::string_view path, FieldViolations& violations) {
  if (decoded.form->activations != loss::ActivationSet::kSigmoidOnly ||
      decoded.activation == loss::Activation::kSigmoid) {
    return;
  }
  if (BlendsTargets(spec)) {
    violations.Add(absl::StrCat(path, ".soft_target_rule"),
                   "= BLENDED acts with sigmoid only, but the activation is softmax");
  } else {
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
  CheckSoftTargetRule(spec, form_path, violations);
  CheckActivation(spec, decoded, form_path, violations);
}

}  // namespace lossd::rpc
