#include "server/rpc/decode/policy/policy_options_decoder.h"

#include "server/rpc/decode/range_check.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/errors/unknown_value.h"

namespace lossd::rpc {
namespace {

loss::RatioLevel DecodeLevel(v1::RatioLevel level, const Field& field) {
  switch (level) {
    case v1::RATIO_LEVEL_UNSPECIFIED:
    case v1::RATIO_LEVEL_TOKEN:
      return loss::RatioLevel::kToken;
    case v1::RATIO_LEVEL_SEQUENCE:
      return loss::RatioLevel::kSequence;
    default:
      RefuseUnknownValue(level, field);
      return loss::RatioLevel::kToken;
  }
}

loss::KlEstimator DecodeEstimator(v1::KlEstimator estimator, const Field& field) {
  switch (estimator) {
    case v1::KL_ESTIMATOR_K1:
      return loss::KlEstimator::kK1;
    case v1::KL_ESTIMATOR_K2:
      return loss::KlEstimator::kK2;
    case v1::KL_ESTIMATOR_UNSPECIFIED:
    case v1::KL_ESTIMATOR_K3:
      return loss::KlEstimator::kK3;
    default:
      RefuseUnknownValue(estimator, field);
      return loss::KlEstimator::kK3;
  }
}

loss::KlGradient DecodeGradient(v1::KlGradient gradient, const Field& field) {
  switch (gradient) {
    case v1::KL_GRADIENT_UNSPECIFIED:
    case v1::KL_GRADIENT_ESTIMATOR:
      return loss::KlGradient::kEstimator;
    case v1::KL_GRADIENT_REVERSE_KL:
      return loss::KlGradient::kReverseKl;
    default:
      RefuseUnknownValue(gradient, field);
      return loss::KlGradient::kEstimator;
  }
}

loss::KlPenalty DecodePenalty(const v1::KlPenalty& penalty, const Field& field) {
  CheckRange(penalty.coefficient(), Range::Above(0), field["coefficient"]);
  return {penalty.coefficient(), DecodeEstimator(penalty.estimator(), field["estimator"]),
          DecodeGradient(penalty.gradient(), field["gradient"])};
}

loss::WeightMode DecodeMode(v1::ImportanceWeightingMode mode, const Field& field) {
  switch (mode) {
    case v1::IMPORTANCE_WEIGHTING_MODE_UNSPECIFIED:
    case v1::IMPORTANCE_WEIGHTING_MODE_CLAMP:
      return loss::WeightMode::kClamp;
    case v1::IMPORTANCE_WEIGHTING_MODE_ZERO:
      return loss::WeightMode::kZero;
    default:
      RefuseUnknownValue(mode, field);
      return loss::WeightMode::kClamp;
  }
}

loss::ImportanceWeighting DecodeWeighting(const v1::ImportanceWeighting& weighting,
                                          const Field& field) {
  loss::ImportanceWeighting decoded;
  decoded.level = DecodeLevel(weighting.level(), field["level"]);
  decoded.mode = DecodeMode(weighting.mode(), field["mode"]);
  if (weighting.has_minimum()) decoded.minimum = weighting.minimum();
  if (weighting.has_maximum()) decoded.maximum = weighting.maximum();
  CheckRange(decoded.minimum, Range::AtLeast(0), field["minimum"]);
  CheckRange(decoded.maximum, Range::Above(0), field["maximum"]);
  if (decoded.maximum <= decoded.minimum) {
    field["maximum"].Refuse("= ", NumberText(decoded.maximum),
                            ", expected a number above minimum = ", NumberText(decoded.minimum));
  }
  return decoded;
}

bool TakesRatio(const loss::LossSpec& spec) {
  const auto& penalty = spec.policy.kl_penalty;
  return spec.form->of_ratio || (penalty && penalty->gradient == loss::KlGradient::kReverseKl);
}

void DecodeRatio(const v1::RatioOptions& ratio, const Field& field, loss::LossSpec& decoded) {
  if (!TakesRatio(decoded)) {
    field.Refuse("is set, but ", decoded.form->name, " takes no ratio");
    return;
  }
  decoded.policy.ratio.level = DecodeLevel(ratio.level(), field["level"]);
  if (!ratio.has_log_ratio_cap()) return;
  decoded.policy.ratio.log_ratio_cap = ratio.log_ratio_cap();
  CheckRange(ratio.log_ratio_cap(), Range::Above(0), field["log_ratio_cap"]);
}

}  // namespace

void DecodePolicyOptions(const v1::LossSpec& spec, const Field& field, loss::LossSpec& decoded) {
  if (spec.has_kl_penalty()) {
    decoded.policy.kl_penalty = DecodePenalty(spec.kl_penalty(), field["kl_penalty"]);
  }
  if (spec.has_importance_weighting()) {
    decoded.policy.importance_weighting =
        DecodeWeighting(spec.importance_weighting(), field["importance_weighting"]);
  }
  if (spec.has_ratio()) DecodeRatio(spec.ratio(), field["ratio"], decoded);
}

}  // namespace lossd::rpc
