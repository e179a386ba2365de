#include "server/rpc/encode/applied_loss_encoder.h"

#include <cassert>
#include <cmath>
#include <optional>
#include <variant>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "server/rpc/decode/weight_schemes.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {
namespace {

v1::Reduction EncodeReduction(loss::Reduction reduction) {
  switch (reduction) {
    case loss::Reduction::kNone:
      return v1::REDUCTION_NONE;
    case loss::Reduction::kSum:
      return v1::REDUCTION_SUM;
    case loss::Reduction::kMean:
      return v1::REDUCTION_MEAN;
    case loss::Reduction::kMeanValid:
      return v1::REDUCTION_MEAN_VALID;
    case loss::Reduction::kSequenceMean:
      return v1::REDUCTION_SEQUENCE_MEAN;
  }
  return v1::REDUCTION_UNSPECIFIED;
}

// Writes the type and the shape that the valid `tensor` was read with, whether it names them or
// not.
void EncodeHead(const v1::Tensor& tensor, v1::Tensor& head) {
  FieldViolations violations;
  const auto view = CheckTensor(FieldsOf(tensor), v1::DATA_TYPE_UNSPECIFIED, Field(violations));
  assert(view);
  if (!view) return;
  head.set_data_type(view->type);
  head.mutable_shape()->Assign(view->shape.begin(), view->shape.end());
}

// Writes the form into the field of its name, as FormField finds it there, and each parameter into
// that of its own.
void EncodeForm(const loss::LossSpec& spec, v1::LossSpec& message) {
  const loss::FormInfo& form = *spec.form;
  const bool is_variant = form.variant_of != nullptr;
  const auto* field =
      v1::LossSpec::descriptor()->FindFieldByName(is_variant ? form.variant_of : form.name);
  assert(field != nullptr);
  google::protobuf::Message& parameters = *message.GetReflection()->MutableMessage(&message, field);
  for (int i = 0; i < form.parameter_count; ++i) {
    const auto index = static_cast<size_t>(i);
    const auto* parameter = field->message_type()->FindFieldByName(form.parameters[index].name);
    assert(parameter != nullptr);
    const bool is_unset = !form.parameters[index].has_default && std::isinf(spec.parameters[index]);
    if (is_unset) continue;
    parameters.GetReflection()->SetDouble(&parameters, parameter, spec.parameters[index]);
  }
  if (message.has_focal()) {
    message.mutable_focal()->set_soft_target_rule(is_variant ? v1::SOFT_TARGET_RULE_BLENDED
                                                             : v1::SOFT_TARGET_RULE_PER_CLASS);
  }
  if (message.has_dppo()) {
    message.mutable_dppo()->set_divergence(is_variant ? v1::DPPO_DIVERGENCE_KL
                                                      : v1::DPPO_DIVERGENCE_TOTAL_VARIATION);
  }
  if (message.has_asymmetric()) message.mutable_asymmetric()->set_detach_focusing(is_variant);
}

void EncodeScheme(const loss::SchemeWeights& scheme, const v1::SchemeWeights& request,
                  v1::SchemeWeights& message) {
  message.set_scheme(EncodeWeightScheme(scheme.scheme));
  message.set_normalization(EncodeNormalization(loss::ResolveNormalization(scheme)));
  // Beside another scheme it is refused.
  if (scheme.scheme == loss::WeightScheme::kEffectiveNumber) message.set_beta(scheme.beta);
  if (request.has_counts()) EncodeHead(request.counts(), *message.mutable_counts());
}

void EncodeClassWeighting(const loss::ClassWeighting& weighting, const v1::ClassWeighting& request,
                          v1::ClassWeighting& message) {
  if (request.has_weights()) EncodeHead(request.weights(), *message.mutable_weights());
  if (weighting.scheme) {
    EncodeScheme(*weighting.scheme, request.scheme(), *message.mutable_scheme());
  }
  if (weighting.alpha) message.set_alpha(*weighting.alpha);
  if (request.has_positive_weights()) {
    EncodeHead(request.positive_weights(), *message.mutable_positive_weights());
  }
}

// Writes each adjustment into the oneof.
struct AdjustmentEncoder {
  void operator()(std::monostate) const {}
  void operator()(const loss::PriorAdjustment& adjustment) const {
    v1::PriorAdjustment& prior = *message.mutable_logit_adjustment()->mutable_prior();
    prior.set_tau(adjustment.tau);
    EncodeHead(request.prior().counts(), *prior.mutable_counts());
  }
  void operator()(const loss::MarginAdjustment& adjustment) const {
    v1::MarginAdjustment& margin = *message.mutable_logit_adjustment()->mutable_margin();
    margin.set_max_margin(adjustment.max_margin);
    margin.set_scale(adjustment.scale);
    EncodeHead(request.margin().counts(), *margin.mutable_counts());
  }
  void operator()(const loss::SeesawAdjustment& adjustment) const {
    v1::SeesawAdjustment& seesaw = *message.mutable_logit_adjustment()->mutable_seesaw();
    seesaw.set_p(adjustment.p);
    seesaw.set_q(adjustment.q);
    seesaw.set_eps(adjustment.eps);
    EncodeHead(request.seesaw().counts(), *seesaw.mutable_counts());
  }

  const v1::LogitAdjustment& request;
  v1::LossSpec& message;
};

// Writes each method into the oneof.
struct MiningEncoder {
  void operator()(std::monostate) const {}
  void operator()(const loss::HardestMining& mining) const {
    v1::HardestMining& hardest = *message.mutable_mining()->mutable_hardest();
    if (mining.keep_fraction) hardest.set_keep_fraction(*mining.keep_fraction);
    if (mining.keep_count) hardest.set_keep_count(*mining.keep_count);
  }
  void operator()(const loss::ThresholdMining& mining) const {
    v1::ThresholdMining& below = *message.mutable_mining()->mutable_below();
    below.set_probability(mining.probability);
    below.set_min_kept(mining.min_kept);
  }
  void operator()(const loss::GradientHarmonizing& mining) const {
    message.mutable_mining()->mutable_gradient_harmonizing()->set_bins(mining.bins);
  }

  v1::LossSpec& message;
};

v1::RatioLevel EncodeLevel(loss::RatioLevel level) {
  return level == loss::RatioLevel::kSequence ? v1::RATIO_LEVEL_SEQUENCE : v1::RATIO_LEVEL_TOKEN;
}

void EncodeRatio(const loss::RatioOptions& ratio, v1::RatioOptions& message) {
  message.set_level(EncodeLevel(ratio.level));
  if (std::isfinite(ratio.log_ratio_cap)) message.set_log_ratio_cap(ratio.log_ratio_cap);
}

void EncodePenalty(const loss::KlPenalty& penalty, v1::KlPenalty& message) {
  message.set_coefficient(penalty.coefficient);
  switch (penalty.estimator) {
    case loss::KlEstimator::kK1:
      message.set_estimator(v1::KL_ESTIMATOR_K1);
      break;
    case loss::KlEstimator::kK2:
      message.set_estimator(v1::KL_ESTIMATOR_K2);
      break;
    case loss::KlEstimator::kK3:
      message.set_estimator(v1::KL_ESTIMATOR_K3);
      break;
  }
  message.set_gradient(penalty.gradient == loss::KlGradient::kReverseKl
                           ? v1::KL_GRADIENT_REVERSE_KL
                           : v1::KL_GRADIENT_ESTIMATOR);
}

void EncodeWeighting(const loss::ImportanceWeighting& weighting, v1::ImportanceWeighting& message) {
  message.set_level(EncodeLevel(weighting.level));
  message.set_minimum(weighting.minimum);
  message.set_maximum(weighting.maximum);
  message.set_mode(weighting.mode == loss::WeightMode::kZero ? v1::IMPORTANCE_WEIGHTING_MODE_ZERO
                                                             : v1::IMPORTANCE_WEIGHTING_MODE_CLAMP);
}

void EncodePolicyOptions(const loss::LossSpec& spec, const v1::LossSpec& request,
                         v1::LossSpec& message) {
  const loss::PolicyOptions& policy = spec.policy;
  if (spec.form->of_ratio || request.has_ratio())
    EncodeRatio(policy.ratio, *message.mutable_ratio());
  if (policy.kl_penalty) EncodePenalty(*policy.kl_penalty, *message.mutable_kl_penalty());
  if (policy.importance_weighting) {
    EncodeWeighting(*policy.importance_weighting, *message.mutable_importance_weighting());
  }
}

// Writes the temperature where it can be sent again: beside a teacher's logits.
void EncodeTeacher(const ComputeCall& call, const v1::LossSpec& request, v1::LossSpec& message) {
  const loss::TeacherOptions& teacher = call.spec.teacher;
  const bool is_taught = FindTeacher(call.samples.labels) != nullptr;
  if (!is_taught && !request.has_teacher()) return;
  message.mutable_teacher()->set_scale_by_squared_temperature(
      teacher.scales_by_squared_temperature);
  if (!is_taught) return;
  message.mutable_teacher()->set_temperature(teacher.temperature.value_or(call.spec.temperature));
}

v1::Activation EncodeActivation(loss::Activation activation) {
  switch (activation) {
    case loss::Activation::kSoftmax:
      return v1::ACTIVATION_SOFTMAX;
    case loss::Activation::kSigmoid:
      return v1::ACTIVATION_SIGMOID;
    case loss::Activation::kLogProbability:
      return v1::ACTIVATION_LOG_PROBABILITY;
  }
  return v1::ACTIVATION_UNSPECIFIED;
}

void EncodeLossSpec(const loss::LossSpec& spec, const v1::LossSpec& request,
                    v1::LossSpec& message) {
  message.set_activation(EncodeActivation(spec.activation));
  EncodeForm(spec, message);
  if (request.has_class_weighting()) {
    EncodeClassWeighting(spec.class_weighting, request.class_weighting(),
                         *message.mutable_class_weighting());
  }
  message.set_label_smoothing(spec.label_smoothing);
  if (spec.ignore_index) message.set_ignore_index(*spec.ignore_index);
  if (spec.activation != loss::Activation::kLogProbability) {
    message.set_temperature(spec.temperature);
  }
  message.set_softcap(spec.softcap);
  message.set_z_loss(spec.z_loss);
  std::visit(AdjustmentEncoder{request.logit_adjustment(), message}, spec.logit_adjustment);
  std::visit(MiningEncoder{message}, spec.mining);
  EncodePolicyOptions(spec, request, message);
}

}  // namespace

v1::AppliedLoss EncodeAppliedLoss(const ComputeCall& call, const v1::LossSpec& request) {
  v1::AppliedLoss applied;
  EncodeLossSpec(call.spec, request, *applied.mutable_loss());
  EncodeTeacher(call, request, *applied.mutable_loss());
  applied.set_reduction(EncodeReduction(call.options.reduction));
  return applied;
}

}  // namespace lossd::rpc
