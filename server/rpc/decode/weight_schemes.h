#ifndef LOSSD_SERVER_RPC_DECODE_WEIGHT_SCHEMES_H_
#define LOSSD_SERVER_RPC_DECODE_WEIGHT_SCHEMES_H_

#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/class_weights.h"

namespace lossd::rpc {

struct WeightSchemeRow {
  v1::WeightScheme wire;
  loss::WeightScheme core;
};

// The weight schemes in the contract and in the core, in the order in which they are answered.
inline constexpr WeightSchemeRow kWeightSchemes[] = {
    {v1::WEIGHT_SCHEME_BALANCED, loss::WeightScheme::kBalanced},
    {v1::WEIGHT_SCHEME_INVERSE_FREQUENCY, loss::WeightScheme::kInverseFrequency},
    {v1::WEIGHT_SCHEME_INVERSE_SQUARE_ROOT, loss::WeightScheme::kInverseSquareRoot},
    {v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER, loss::WeightScheme::kEffectiveNumber},
    {v1::WEIGHT_SCHEME_MEDIAN_FREQUENCY, loss::WeightScheme::kMedianFrequency},
    {v1::WEIGHT_SCHEME_LOG_FREQUENCY, loss::WeightScheme::kLogFrequency},
};

struct NormalizationRow {
  v1::Normalization wire;
  loss::Normalization core;
};

inline constexpr NormalizationRow kNormalizations[] = {
    {v1::NORMALIZATION_UNSPECIFIED, loss::Normalization::kOwn},
    {v1::NORMALIZATION_NONE, loss::Normalization::kNone},
    {v1::NORMALIZATION_MEAN_ONE, loss::Normalization::kMeanOne},
    {v1::NORMALIZATION_SUM_ONE, loss::Normalization::kSumOne},
    {v1::NORMALIZATION_EXPECTED_ONE, loss::Normalization::kExpectedOne},
};

// Return the value in the contract of one in the core.
inline v1::WeightScheme EncodeWeightScheme(loss::WeightScheme scheme) {
  for (const WeightSchemeRow& row : kWeightSchemes) {
    if (row.core == scheme) return row.wire;
  }
  return v1::WEIGHT_SCHEME_UNSPECIFIED;
}
inline v1::Normalization EncodeNormalization(loss::Normalization normalization) {
  for (const NormalizationRow& row : kNormalizations) {
    if (row.core == normalization) return row.wire;
  }
  return v1::NORMALIZATION_UNSPECIFIED;
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_WEIGHT_SCHEMES_H_
