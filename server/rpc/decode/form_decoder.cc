#include "server/rpc/decode/form_decoder.h"

#include <cassert>
#include <string>

#include "google/protobuf/message.h"
#include "server/loss/catalogue.h"
#include "server/rpc/decode/activation_decoder.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/errors/unknown_value.h"

namespace lossd::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void DecodeParameters(const Message& form, const Field& form_field, loss::LossSpec& decoded) {
  for (int i = 0; i < decoded.form->parameter_count; ++i) {
    const loss::ParameterInfo& parameter = decoded.form->parameters[static_cast<size_t>(i)];
    const FieldDescriptor* field = form.GetDescriptor()->FindFieldByName(parameter.name);
    assert(field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE);
    if (field == nullptr || !form.GetReflection()->HasField(form, field)) continue;
    const double value = form.GetReflection()->GetDouble(form, field);
    decoded.parameters[static_cast<size_t>(i)] = value;
    CheckRange(value, parameter.range, form_field[parameter.name]);
  }
}

bool BlendsTargets(const v1::LossSpec& spec) {
  return spec.has_focal() && spec.focal().soft_target_rule() == v1::SOFT_TARGET_RULE_BLENDED;
}

// Tells whether jensen_shannon's weights differ.
bool IsSkewed(const v1::LossSpec& spec) {
  return spec.jensen_shannon().has_beta() && spec.jensen_shannon().beta() != 0.5;
}

// Tells whether an option of the form picks its variant.
bool PicksVariant(const v1::LossSpec& spec) {
  return BlendsTargets(spec) || spec.asymmetric().detach_focusing() ||
         spec.dppo().divergence() == v1::DPPO_DIVERGENCE_KL || IsSkewed(spec);
}

// Returns the row that computes the loss: the one named as the form's field, or its variant.
const loss::FormInfo* RowOf(const v1::LossSpec& spec, const FieldDescriptor& field) {
  const loss::FormInfo* form = loss::FindForm(field.name());
  assert(form != nullptr);
  return PicksVariant(spec) ? loss::FindVariant(*form) : form;
}

void CheckSoftTargetRule(const v1::LossSpec& spec, const Field& field) {
  const v1::SoftTargetRule rule = spec.focal().soft_target_rule();
  if (!v1::SoftTargetRule_IsValid(rule)) RefuseUnknownValue(rule, field);
}

void CheckDivergence(const v1::LossSpec& spec, const Field& field) {
  const v1::DppoDivergence divergence = spec.dppo().divergence();
  if (!v1::DppoDivergence_IsValid(divergence)) RefuseUnknownValue(divergence, field);
}

// Checks parameters whose ranges others of the form bound.
void CheckBetweenParameters(const v1::LossSpec& spec, const loss::LossSpec& decoded,
                            const Field& form_field) {
  const loss::FormParameters& parameters = decoded.parameters;
  if (spec.ppo().has_dual_clip() && parameters[2] <= 1 + parameters[1]) {
    form_field["dual_clip"].Refuse(
        "= ", NumberText(parameters[2]),
        ", expected a number above 1 + epsilon_high = ", NumberText(1 + parameters[1]));
  }
  if (spec.has_cispo() && parameters[1] <= parameters[0]) {
    form_field["maximum_ratio"].Refuse(
        "= ", NumberText(parameters[1]),
        ", expected a number above minimum_ratio = ", NumberText(parameters[0]));
  }
}

void CheckFormActivation(const v1::LossSpec& spec, const loss::LossSpec& decoded,
                         const Field& form_field) {
  const loss::ActivationSet activations = decoded.form->activations;
  if (decoded.activation == loss::Activation::kLogProbability &&
      activations != loss::ActivationSet::kSigmoidOnly) {
    if (loss::TakesLogProbabilities(*decoded.form)) return;
    return form_field.Refuse("depends on the other classes' probabilities",
                             ", but the activation is log_probability");
  }
  if (activations == loss::ActivationSet::kSoftmaxOnly) {
    CheckActivation(loss::Activation::kSoftmax, decoded.activation, form_field);
    return;
  }
  if (activations != loss::ActivationSet::kSigmoidOnly) return;
  if (decoded.activation == loss::Activation::kSigmoid) return;
  const std::string text = OtherActivationText(loss::Activation::kSigmoid, decoded.activation);
  if (BlendsTargets(spec)) {
    form_field["soft_target_rule"].Refuse("= BLENDED ", text);
  } else {
    form_field.Refuse(text);
  }
}

}  // namespace

const FieldDescriptor* FormField(const v1::LossSpec& spec) {
  // A oneof's case is the number of its field.
  const int number = spec.form_case();
  if (number == v1::LossSpec::FORM_NOT_SET) return nullptr;
  return v1::LossSpec::descriptor()->FindFieldByNumber(number);
}

void DecodeForm(const v1::LossSpec& spec, const Field& field, loss::LossSpec& decoded) {
  const FieldDescriptor* form = FormField(spec);
  if (form == nullptr) return;
  decoded.form = RowOf(spec, *form);
  assert(decoded.form != nullptr);
  decoded.parameters = loss::DefaultParameters(*decoded.form);

  const Field form_field = field[form->name()];
  DecodeParameters(spec.GetReflection()->GetMessage(spec, form), form_field, decoded);
  CheckSoftTargetRule(spec, form_field["soft_target_rule"]);
  CheckDivergence(spec, form_field["divergence"]);
  CheckBetweenParameters(spec, decoded, form_field);
  CheckFormActivation(spec, decoded, form_field);
}

}  // namespace lossd::rpc
