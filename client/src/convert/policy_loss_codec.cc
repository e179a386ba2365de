#include "client/src/convert/policy_loss_codec.h"

namespace lossd::client {
namespace {

v1::RatioLevel Encode(RatioLevel level) {
  return level == RatioLevel::kSequence ? v1::RATIO_LEVEL_SEQUENCE : v1::RATIO_LEVEL_TOKEN;
}

RatioLevel Decode(v1::RatioLevel level) {
  return level == v1::RATIO_LEVEL_SEQUENCE ? RatioLevel::kSequence : RatioLevel::kToken;
}

v1::KlEstimator Encode(KlEstimator estimator) {
  switch (estimator) {
    case KlEstimator::kK1:
      return v1::KL_ESTIMATOR_K1;
    case KlEstimator::kK2:
      return v1::KL_ESTIMATOR_K2;
    case KlEstimator::kK3:
      return v1::KL_ESTIMATOR_K3;
  }
  return v1::KL_ESTIMATOR_UNSPECIFIED;
}

KlEstimator Decode(v1::KlEstimator estimator) {
  if (estimator == v1::KL_ESTIMATOR_K1) return KlEstimator::kK1;
  return estimator == v1::KL_ESTIMATOR_K2 ? KlEstimator::kK2 : KlEstimator::kK3;
}

Ppo Decode(const v1::PpoLoss& form) {
  Ppo ppo = {form.epsilon_low(), form.epsilon_high()};
  if (form.has_dual_clip()) ppo.dual_clip = form.dual_clip();
  return ppo;
}

Dppo Decode(const v1::DppoLoss& form) {
  return {form.divergence() == v1::DPPO_DIVERGENCE_KL ? DppoDivergence::kKl
                                                      : DppoDivergence::kTotalVariation,
          form.threshold_low(), form.threshold_high()};
}

}  // namespace

void EncodeForm(const ImportanceSampling& /*form*/, v1::LossSpec& loss) {
  loss.mutable_importance_sampling();
}

void EncodeForm(const Ppo& form, v1::LossSpec& loss) {
  v1::PpoLoss& message = *loss.mutable_ppo();
  message.set_epsilon_low(form.epsilon_low);
  message.set_epsilon_high(form.epsilon_high);
  if (form.dual_clip) message.set_dual_clip(*form.dual_clip);
}

void EncodeForm(const Cispo& form, v1::LossSpec& loss) {
  loss.mutable_cispo()->set_minimum_ratio(form.minimum_ratio);
  loss.mutable_cispo()->set_maximum_ratio(form.maximum_ratio);
}

void EncodeForm(const Dro& form, v1::LossSpec& loss) { loss.mutable_dro()->set_beta(form.beta); }

void EncodeForm(const Sapo& form, v1::LossSpec& loss) {
  loss.mutable_sapo()->set_tau_positive(form.tau_positive);
  loss.mutable_sapo()->set_tau_negative(form.tau_negative);
}

void EncodeForm(const Dppo& form, v1::LossSpec& loss) {
  v1::DppoLoss& message = *loss.mutable_dppo();
  message.set_divergence(form.divergence == DppoDivergence::kKl
                             ? v1::DPPO_DIVERGENCE_KL
                             : v1::DPPO_DIVERGENCE_TOTAL_VARIATION);
  message.set_threshold_low(form.threshold_low);
  message.set_threshold_high(form.threshold_high);
}

std::optional<LossForm> DecodePolicyForm(const v1::LossSpec& message) {
  switch (message.form_case()) {
    case v1::LossSpec::kImportanceSampling:
      return ImportanceSampling{};
    case v1::LossSpec::kPpo:
      return Decode(message.ppo());
    case v1::LossSpec::kCispo:
      return Cispo{message.cispo().minimum_ratio(), message.cispo().maximum_ratio()};
    case v1::LossSpec::kDro:
      return Dro{message.dro().beta()};
    case v1::LossSpec::kSapo:
      return Sapo{message.sapo().tau_positive(), message.sapo().tau_negative()};
    case v1::LossSpec::kDppo:
      return Decode(message.dppo());
    default:
      return std::nullopt;
  }
}

void EncodePolicyOptions(const LossSpec& loss, v1::LossSpec& message) {
  if (loss.ratio.level != RatioLevel::kToken || loss.ratio.log_ratio_cap) {
    message.mutable_ratio()->set_level(Encode(loss.ratio.level));
    if (loss.ratio.log_ratio_cap) {
      message.mutable_ratio()->set_log_ratio_cap(*loss.ratio.log_ratio_cap);
    }
  }
  if (loss.kl_penalty) {
    v1::KlPenalty& penalty = *message.mutable_kl_penalty();
    penalty.set_coefficient(loss.kl_penalty->coefficient);
    penalty.set_estimator(Encode(loss.kl_penalty->estimator));
    penalty.set_gradient(loss.kl_penalty->gradient == KlGradient::kReverseKl
                             ? v1::KL_GRADIENT_REVERSE_KL
                             : v1::KL_GRADIENT_ESTIMATOR);
  }
  if (loss.importance_weighting) {
    v1::ImportanceWeighting& weighting = *message.mutable_importance_weighting();
    weighting.set_level(Encode(loss.importance_weighting->level));
    weighting.set_minimum(loss.importance_weighting->minimum);
    weighting.set_maximum(loss.importance_weighting->maximum);
    weighting.set_mode(loss.importance_weighting->mode == ImportanceWeightingMode::kZero
                           ? v1::IMPORTANCE_WEIGHTING_MODE_ZERO
                           : v1::IMPORTANCE_WEIGHTING_MODE_CLAMP);
  }
}

void DecodePolicyOptions(const v1::LossSpec& message, LossSpec& loss) {
  loss.ratio.level = Decode(message.ratio().level());
  if (message.ratio().has_log_ratio_cap()) {
    loss.ratio.log_ratio_cap = message.ratio().log_ratio_cap();
  }
  if (message.has_kl_penalty()) {
    const v1::KlPenalty& penalty = message.kl_penalty();
    loss.kl_penalty = {penalty.coefficient(), Decode(penalty.estimator()),
                       penalty.gradient() == v1::KL_GRADIENT_REVERSE_KL ? KlGradient::kReverseKl
                                                                        : KlGradient::kEstimator};
  }
  if (message.has_importance_weighting()) {
    const v1::ImportanceWeighting& weighting = message.importance_weighting();
    loss.importance_weighting = {
        Decode(weighting.level()), weighting.minimum(), weighting.maximum(),
        weighting.mode() == v1::IMPORTANCE_WEIGHTING_MODE_ZERO ? ImportanceWeightingMode::kZero
                                                               : ImportanceWeightingMode::kClamp};
  }
}

}  // namespace lossd::client
