#include "client/src/convert/loss_spec_encoding.h"

#include <variant>
#include <vector>

#include "client/src/convert/policy_loss_codec.h"
#include "client/src/wire/tensor_codec.h"

namespace lossd::client {
namespace {

// LossSpec's default, which changes nothing.
constexpr double kNoTemperature = 1.0;

v1::WeightScheme Encode(WeightScheme scheme) {
  switch (scheme) {
    case WeightScheme::kBalanced:
      return v1::WEIGHT_SCHEME_BALANCED;
    case WeightScheme::kInverseFrequency:
      return v1::WEIGHT_SCHEME_INVERSE_FREQUENCY;
    case WeightScheme::kInverseSquareRoot:
      return v1::WEIGHT_SCHEME_INVERSE_SQUARE_ROOT;
    case WeightScheme::kEffectiveNumber:
      return v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER;
    case WeightScheme::kMedianFrequency:
      return v1::WEIGHT_SCHEME_MEDIAN_FREQUENCY;
    case WeightScheme::kLogFrequency:
      return v1::WEIGHT_SCHEME_LOG_FREQUENCY;
  }
  return v1::WEIGHT_SCHEME_UNSPECIFIED;
}

v1::Normalization Encode(Normalization normalization) {
  switch (normalization) {
    case Normalization::kSchemeDefault:
      return v1::NORMALIZATION_UNSPECIFIED;
    case Normalization::kNone:
      return v1::NORMALIZATION_NONE;
    case Normalization::kMeanOne:
      return v1::NORMALIZATION_MEAN_ONE;
    case Normalization::kSumOne:
      return v1::NORMALIZATION_SUM_ONE;
    case Normalization::kExpectedOne:
      return v1::NORMALIZATION_EXPECTED_ONE;
  }
  return v1::NORMALIZATION_UNSPECIFIED;
}

v1::Activation Encode(Activation activation) {
  switch (activation) {
    case Activation::kSoftmax:
      return v1::ACTIVATION_SOFTMAX;
    case Activation::kSigmoid:
      return v1::ACTIVATION_SIGMOID;
    case Activation::kLogProbability:
      return v1::ACTIVATION_LOG_PROBABILITY;
  }
  return v1::ACTIVATION_UNSPECIFIED;
}

// Writes each form into the oneof.
class FormEncoder {
 public:
  explicit FormEncoder(v1::LossSpec& loss) : loss_(loss) {}

  void operator()(const CrossEntropy&) const { loss_.mutable_cross_entropy(); }
  void operator()(const Focal& form) const {
    loss_.mutable_focal()->set_gamma(form.gamma);
    if (form.soft_target_rule == SoftTargetRule::kBlended) {
      loss_.mutable_focal()->set_soft_target_rule(v1::SOFT_TARGET_RULE_BLENDED);
    }
  }
  void operator()(const SquaredError&) const { loss_.mutable_squared_error(); }
  void operator()(const KlDivergence&) const { loss_.mutable_kl_divergence(); }
  void operator()(const Poly1& form) const { loss_.mutable_poly1()->set_epsilon(form.epsilon); }
  void operator()(const GeneralizedCrossEntropy& form) const {
    loss_.mutable_generalized_cross_entropy()->set_q(form.q);
  }
  void operator()(const SymmetricCrossEntropy& form) const {
    auto* message = loss_.mutable_symmetric_cross_entropy();
    message->set_alpha(form.alpha);
    message->set_beta(form.beta);
    message->set_log_zero(form.log_zero);
  }
  void operator()(const Asymmetric& form) const {
    auto* message = loss_.mutable_asymmetric();
    message->set_gamma_positive(form.gamma_positive);
    message->set_gamma_negative(form.gamma_negative);
    message->set_margin(form.margin);
    message->set_detach_focusing(form.detach_focusing);
  }
  void operator()(const QualityFocal& form) const {
    loss_.mutable_quality_focal()->set_beta(form.beta);
  }
  void operator()(const Varifocal& form) const {
    loss_.mutable_varifocal()->set_alpha(form.alpha);
    loss_.mutable_varifocal()->set_gamma(form.gamma);
  }
  void operator()(const FocalStar& form) const {
    loss_.mutable_focal_star()->set_gamma(form.gamma);
    loss_.mutable_focal_star()->set_beta(form.beta);
  }
  void operator()(const JensenShannon& form) const {
    v1::JensenShannonLoss& message = *loss_.mutable_jensen_shannon();
    // A server of 0.1 has no such field.
    if (form.beta != JensenShannon{}.beta) message.set_beta(form.beta);
  }
  void operator()(const Hinge& form) const { loss_.mutable_hinge()->set_margin(form.margin); }
  void operator()(const SquaredMargin& form) const {
    loss_.mutable_squared_margin()->set_target(form.target);
  }
  void operator()(const ReverseKlDivergence&) const { loss_.mutable_reverse_kl_divergence(); }
  template <typename FormOfRatio>
  void operator()(const FormOfRatio& form) const {
    EncodeForm(form, loss_);
  }

 private:
  v1::LossSpec& loss_;
};

// Writes each adjustment into the oneof.
class AdjustmentEncoder {
 public:
  explicit AdjustmentEncoder(v1::LossSpec& loss) : loss_(loss) {}

  void operator()(std::monostate) const {}
  void operator()(const PriorAdjustment& adjustment) const {
    auto* message = loss_.mutable_logit_adjustment()->mutable_prior();
    message->set_tau(adjustment.tau);
    *message->mutable_counts() = EncodeVector(adjustment.counts);
  }
  void operator()(const MarginAdjustment& adjustment) const {
    auto* message = loss_.mutable_logit_adjustment()->mutable_margin();
    message->set_max_margin(adjustment.max_margin);
    message->set_scale(adjustment.scale);
    *message->mutable_counts() = EncodeVector(adjustment.counts);
  }
  void operator()(const SeesawAdjustment& adjustment) const {
    auto* message = loss_.mutable_logit_adjustment()->mutable_seesaw();
    message->set_p(adjustment.p);
    message->set_q(adjustment.q);
    message->set_eps(adjustment.eps);
    *message->mutable_counts() = EncodeVector(adjustment.counts);
  }

 private:
  v1::LossSpec& loss_;
};

// Writes each method into the oneof.
class MiningEncoder {
 public:
  explicit MiningEncoder(v1::LossSpec& loss) : loss_(loss) {}

  void operator()(std::monostate) const {}
  void operator()(const HardestFraction& method) const {
    loss_.mutable_mining()->mutable_hardest()->set_keep_fraction(method.fraction);
  }
  void operator()(const HardestCount& method) const {
    loss_.mutable_mining()->mutable_hardest()->set_keep_count(method.count);
  }
  void operator()(const BelowProbability& method) const {
    loss_.mutable_mining()->mutable_below()->set_probability(method.probability);
    loss_.mutable_mining()->mutable_below()->set_min_kept(method.min_kept);
  }
  void operator()(const GradientHarmonizing& method) const {
    loss_.mutable_mining()->mutable_gradient_harmonizing()->set_bins(method.bins);
  }

 private:
  v1::LossSpec& loss_;
};

void EncodeClassWeighting(const ClassWeighting& weighting, v1::LossSpec& loss) {
  if (const auto* weights = std::get_if<std::vector<double>>(&weighting.source)) {
    *loss.mutable_class_weighting()->mutable_weights() = EncodeVector(*weights);
  } else if (const auto* scheme = std::get_if<SchemeWeights>(&weighting.source)) {
    *loss.mutable_class_weighting()->mutable_scheme() = EncodeSchemeWeights(*scheme);
  }
  if (weighting.alpha) loss.mutable_class_weighting()->set_alpha(*weighting.alpha);
  if (!weighting.positive_weights.empty()) {
    *loss.mutable_class_weighting()->mutable_positive_weights() =
        EncodeVector(weighting.positive_weights);
  }
}

void EncodeTeacher(const TeacherOptions& teacher, v1::LossSpec& loss) {
  if (teacher.temperature) loss.mutable_teacher()->set_temperature(*teacher.temperature);
  if (teacher.scale_by_squared_temperature) {
    loss.mutable_teacher()->set_scale_by_squared_temperature(true);
  }
}

}  // namespace

v1::SchemeWeights EncodeSchemeWeights(const SchemeWeights& weights) {
  v1::SchemeWeights message;
  message.set_scheme(Encode(weights.scheme));
  message.set_normalization(Encode(weights.normalization));
  if (weights.beta) message.set_beta(*weights.beta);
  if (!weights.counts.empty()) *message.mutable_counts() = EncodeVector(weights.counts);
  return message;
}

v1::LossSpec EncodeLossSpec(const LossSpec& loss) {
  v1::LossSpec message;
  message.set_activation(Encode(loss.activation));
  std::visit(FormEncoder(message), loss.form);
  EncodeClassWeighting(loss.class_weighting, message);
  message.set_label_smoothing(loss.label_smoothing);
  if (loss.ignore_index) message.set_ignore_index(*loss.ignore_index);
  if (loss.temperature != kNoTemperature) message.set_temperature(loss.temperature);
  message.set_softcap(loss.softcap);
  message.set_z_loss(loss.z_loss);
  std::visit(AdjustmentEncoder(message), loss.logit_adjustment);
  std::visit(MiningEncoder(message), loss.mining);
  EncodePolicyOptions(loss, message);
  EncodeTeacher(loss.teacher, message);
  return message;
}

}  // namespace lossd::client
