#include "client/src/convert/loss_spec_decoding.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/src/convert/policy_loss_codec.h"

namespace lossd::client {
namespace {

// The client sends vectors of doubles in messages of less than 2 GiB.
constexpr int64_t kLongestVector = (int64_t{1} << 31) / static_cast<int64_t>(sizeof(double));

absl::Status Unexpected(absl::string_view field, absl::string_view what) {
  return absl::InternalError(absl::StrCat("the server's applied.", field, " ", what));
}

absl::Status UnexpectedNumber(absl::string_view field, int number) {
  return Unexpected(field, absl::StrCat("= ", number, ", expected a value of this client"));
}

// Reads the length of a vector whose elements were not sent, and fills it with NaN.
absl::Status DecodeVector(absl::string_view field, const v1::Tensor& tensor,
                          std::vector<double>& vector) {
  const bool is_vector =
      tensor.shape_size() == 1 && tensor.shape(0) >= 0 && tensor.shape(0) <= kLongestVector;
  if (!is_vector) return Unexpected(field, "is not a vector that this client can have sent");
  vector.assign(static_cast<size_t>(tensor.shape(0)), std::numeric_limits<double>::quiet_NaN());
  return absl::OkStatus();
}

absl::StatusOr<Reduction> DecodeReduction(v1::Reduction reduction) {
  switch (reduction) {
    case v1::REDUCTION_NONE:
      return Reduction::kNone;
    case v1::REDUCTION_SUM:
      return Reduction::kSum;
    case v1::REDUCTION_MEAN:
      return Reduction::kMean;
    case v1::REDUCTION_MEAN_VALID:
      return Reduction::kMeanValid;
    case v1::REDUCTION_SEQUENCE_MEAN:
      return Reduction::kSequenceMean;
    default:
      return UnexpectedNumber("reduction", reduction);
  }
}

Focal Decode(const v1::FocalLoss& form) {
  return {form.gamma(), form.soft_target_rule() == v1::SOFT_TARGET_RULE_BLENDED
                            ? SoftTargetRule::kBlended
                            : SoftTargetRule::kPerClass};
}

SymmetricCrossEntropy Decode(const v1::SymmetricCrossEntropyLoss& form) {
  return {form.alpha(), form.beta(), form.log_zero()};
}

Asymmetric Decode(const v1::AsymmetricLoss& form) {
  return {form.gamma_positive(), form.gamma_negative(), form.margin(), form.detach_focusing()};
}

JensenShannon Decode(const v1::JensenShannonLoss& form) {
  return form.has_beta() ? JensenShannon{form.beta()} : JensenShannon{};
}

absl::StatusOr<LossForm> DecodeForm(const v1::LossSpec& loss) {
  if (const auto of_ratio = DecodePolicyForm(loss)) return *of_ratio;
  switch (loss.form_case()) {
    case v1::LossSpec::kCrossEntropy:
      return CrossEntropy{};
    case v1::LossSpec::kFocal:
      return Decode(loss.focal());
    case v1::LossSpec::kSquaredError:
      return SquaredError{};
    case v1::LossSpec::kKlDivergence:
      return KlDivergence{};
    case v1::LossSpec::kPoly1:
      return Poly1{loss.poly1().epsilon()};
    case v1::LossSpec::kGeneralizedCrossEntropy:
      return GeneralizedCrossEntropy{loss.generalized_cross_entropy().q()};
    case v1::LossSpec::kSymmetricCrossEntropy:
      return Decode(loss.symmetric_cross_entropy());
    case v1::LossSpec::kAsymmetric:
      return Decode(loss.asymmetric());
    case v1::LossSpec::kQualityFocal:
      return QualityFocal{loss.quality_focal().beta()};
    case v1::LossSpec::kVarifocal:
      return Varifocal{loss.varifocal().alpha(), loss.varifocal().gamma()};
    case v1::LossSpec::kFocalStar:
      return FocalStar{loss.focal_star().gamma(), loss.focal_star().beta()};
    case v1::LossSpec::kJensenShannon:
      return Decode(loss.jensen_shannon());
    case v1::LossSpec::kHinge:
      return Hinge{loss.hinge().margin()};
    case v1::LossSpec::kSquaredMargin:
      return SquaredMargin{loss.squared_margin().target()};
    case v1::LossSpec::kReverseKlDivergence:
      return ReverseKlDivergence{};
    default:  // none, or one of a newer server
      break;
  }
  return Unexpected("loss", "has no form of this client");
}

absl::Status DecodeScheme(const v1::SchemeWeights& message, SchemeWeights& weights) {
  const std::optional<WeightScheme> scheme = DecodeWeightScheme(message.scheme());
  if (!scheme) return UnexpectedNumber("loss.class_weighting.scheme.scheme", message.scheme());
  weights.scheme = *scheme;
  weights.normalization = DecodeNormalization(message.normalization());
  if (message.has_beta()) weights.beta = message.beta();
  if (!message.has_counts()) return absl::OkStatus();
  return DecodeVector("loss.class_weighting.scheme.counts", message.counts(), weights.counts);
}

absl::Status DecodeClassWeighting(const v1::ClassWeighting& message, ClassWeighting& weighting) {
  absl::Status status;
  if (message.has_weights()) {
    status = DecodeVector("loss.class_weighting.weights", message.weights(),
                          weighting.source.emplace<std::vector<double>>());
  } else if (message.has_scheme()) {
    status = DecodeScheme(message.scheme(), weighting.source.emplace<SchemeWeights>());
  }
  if (message.has_alpha()) weighting.alpha = message.alpha();
  if (message.has_positive_weights()) {
    status.Update(DecodeVector("loss.class_weighting.positive_weights", message.positive_weights(),
                               weighting.positive_weights));
  }
  return status;
}

absl::Status DecodeAdjustment(const v1::LogitAdjustment& message, LogitAdjustment& adjustment) {
  switch (message.adjustment_case()) {
    case v1::LogitAdjustment::kPrior: {
      auto& prior = adjustment.emplace<PriorAdjustment>();
      prior.tau = message.prior().tau();
      return DecodeVector("loss.logit_adjustment.prior.counts", message.prior().counts(),
                          prior.counts);
    }
    case v1::LogitAdjustment::kMargin: {
      auto& margin = adjustment.emplace<MarginAdjustment>();
      margin.max_margin = message.margin().max_margin();
      margin.scale = message.margin().scale();
      return DecodeVector("loss.logit_adjustment.margin.counts", message.margin().counts(),
                          margin.counts);
    }
    case v1::LogitAdjustment::kSeesaw: {
      auto& seesaw = adjustment.emplace<SeesawAdjustment>();
      seesaw.p = message.seesaw().p();
      seesaw.q = message.seesaw().q();
      seesaw.eps = message.seesaw().eps();
      return DecodeVector("loss.logit_adjustment.seesaw.counts", message.seesaw().counts(),
                          seesaw.counts);
    }
    case v1::LogitAdjustment::ADJUSTMENT_NOT_SET:
      break;
  }
  return Unexpected("loss.logit_adjustment", "is none of this client");
}

absl::StatusOr<Mining> DecodeMining(const v1::Mining& message) {
  const v1::HardestMining& hardest = message.hardest();
  if (hardest.has_keep_fraction()) return HardestFraction{hardest.keep_fraction()};
  if (hardest.has_keep_count()) return HardestCount{hardest.keep_count()};
  if (message.has_below()) {
    return BelowProbability{message.below().probability(), message.below().min_kept()};
  }
  if (message.has_gradient_harmonizing()) {
    return GradientHarmonizing{message.gradient_harmonizing().bins()};
  }
  return Unexpected("loss.mining", "is none of this client");
}

absl::Status DecodeLossSpec(const v1::LossSpec& message, LossSpec& loss) {
  const auto activation = DecodeActivation(message.activation());
  if (!activation) return UnexpectedNumber("loss.activation", message.activation());
  loss.activation = *activation;
  auto form = DecodeForm(message);
  if (!form.ok()) return form.status();
  loss.form = *form;
  loss.label_smoothing = message.label_smoothing();
  if (message.has_ignore_index()) loss.ignore_index = message.ignore_index();
  // A server leaves out what cannot act, and 0 reads as 1.
  if (message.temperature() != 0.0) loss.temperature = message.temperature();
  loss.softcap = message.softcap();
  loss.z_loss = message.z_loss();
  DecodePolicyOptions(message, loss);
  if (message.teacher().has_temperature()) {
    loss.teacher.temperature = message.teacher().temperature();
  }
  loss.teacher.scale_by_squared_temperature = message.teacher().scale_by_squared_temperature();
  absl::Status status = DecodeClassWeighting(message.class_weighting(), loss.class_weighting);
  if (message.has_logit_adjustment()) {
    status.Update(DecodeAdjustment(message.logit_adjustment(), loss.logit_adjustment));
  }
  if (!message.has_mining()) return status;
  auto mining = DecodeMining(message.mining());
  if (!mining.ok()) return mining.status();
  loss.mining = *mining;
  return status;
}

}  // namespace

std::optional<WeightScheme> DecodeWeightScheme(v1::WeightScheme scheme) {
  switch (scheme) {
    case v1::WEIGHT_SCHEME_BALANCED:
      return WeightScheme::kBalanced;
    case v1::WEIGHT_SCHEME_INVERSE_FREQUENCY:
      return WeightScheme::kInverseFrequency;
    case v1::WEIGHT_SCHEME_INVERSE_SQUARE_ROOT:
      return WeightScheme::kInverseSquareRoot;
    case v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER:
      return WeightScheme::kEffectiveNumber;
    case v1::WEIGHT_SCHEME_MEDIAN_FREQUENCY:
      return WeightScheme::kMedianFrequency;
    case v1::WEIGHT_SCHEME_LOG_FREQUENCY:
      return WeightScheme::kLogFrequency;
    default:
      return std::nullopt;
  }
}

std::optional<Activation> DecodeActivation(int activation) {
  switch (activation) {
    case v1::ACTIVATION_SOFTMAX:
      return Activation::kSoftmax;
    case v1::ACTIVATION_SIGMOID:
      return Activation::kSigmoid;
    case v1::ACTIVATION_LOG_PROBABILITY:
      return Activation::kLogProbability;
    default:
      return std::nullopt;
  }
}

Normalization DecodeNormalization(v1::Normalization normalization) {
  switch (normalization) {
    case v1::NORMALIZATION_NONE:
      return Normalization::kNone;
    case v1::NORMALIZATION_MEAN_ONE:
      return Normalization::kMeanOne;
    case v1::NORMALIZATION_SUM_ONE:
      return Normalization::kSumOne;
    case v1::NORMALIZATION_EXPECTED_ONE:
      return Normalization::kExpectedOne;
    default:
      return Normalization::kSchemeDefault;
  }
}

absl::StatusOr<AppliedLoss> DecodeAppliedLoss(const v1::AppliedLoss& message) {
  AppliedLoss applied;
  absl::Status status = DecodeLossSpec(message.loss(), applied.loss);
  if (!status.ok()) return status;
  const auto reduction = DecodeReduction(message.reduction());
  if (!reduction.ok()) return reduction.status();
  applied.reduction = *reduction;
  return applied;
}

}  // namespace lossd::client
