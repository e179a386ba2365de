#include "server/loss/catalogue.h"
#include "server/rpc/handlers/handlers.h"

namespace lossd::rpc {
namespace {

void EncodeParameter(const loss::ParameterInfo& parameter, v1::LossParameter& message) {
  const loss::Range& range = parameter.range;
  message.set_name(parameter.name);
  if (parameter.has_default) message.set_default_value(parameter.default_value);
  if (range.HasMinimum()) {
    message.set_minimum(range.minimum);
    message.set_minimum_exclusive(range.minimum_exclusive);
  }
  if (range.HasMaximum()) {
    message.set_maximum(range.maximum);
    message.set_maximum_exclusive(range.maximum_exclusive);
  }
  if (parameter.description != nullptr) message.set_description(parameter.description);
}

void EncodeForm(const loss::FormInfo& form, v1::LossInfo& message) {
  message.set_name(form.name);
  message.set_formula(form.formula);
  message.set_reference(form.reference);
  if (form.activations != loss::ActivationSet::kSigmoidOnly) {
    message.add_activations(v1::ACTIVATION_SOFTMAX);
  }
  if (form.activations != loss::ActivationSet::kSoftmaxOnly) {
    message.add_activations(v1::ACTIVATION_SIGMOID);
  }
  if (loss::TakesLogProbabilities(form)) message.add_activations(v1::ACTIVATION_LOG_PROBABILITY);
  for (int i = 0; i < form.parameter_count; ++i) {
    EncodeParameter(form.parameters[static_cast<size_t>(i)], *message.add_parameters());
  }
}

}  // namespace

absl::StatusOr<v1::ListLossesResponse> Handlers::ListLosses(const v1::ListLossesRequest&,
                                                            const CallContext&) const {
  v1::ListLossesResponse response;
  for (const loss::FormInfo* form : loss::Catalogue()) {
    // The contract has no field for a variant, which an option of its form picks.
    if (form->variant_of == nullptr) EncodeForm(*form, *response.add_losses());
  }
  return response;
}

}  // namespace lossd::rpc
