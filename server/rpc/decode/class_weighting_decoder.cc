#include "server/rpc/decode/class_weighting_decoder.h"

#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/tensor/tensor_values.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {
namespace {

std::optional<int64_t> ClassVectorLength(const LogitsLayout* layout) {
  if (layout == nullptr) return std::nullopt;
  return layout->class_vector_length();
}

// A finite, non-negative vector of any length.
std::optional<std::vector<double>> DecodeVector(const v1::Tensor& tensor, absl::string_view path,
                                                FieldViolations& violations) {
  const auto view = CheckTensor(FieldsOf(tensor), v1::DATA_TYPE_UNSPECIFIED, path, violations);
  if (!view) return std::nullopt;
  if (view->shape.size() != 1) {
    violations.Add(absl::StrCat(path, ".shape"),
                   absl::StrCat("= ", ShapeText(view->shape), ", expected one axis"));
    return std::nullopt;
  }
  auto numbers = ReadNumbers(*view, path, violations);
  if (!numbers || !CheckBound(absl::MakeConstSpan(*numbers), view->shape,
                              Bound::kFiniteAndNotNegative, path, violations)) {
    return std::nullopt;
  }
  return numbers;
}

void AddLengthViolation(size_t length, absl::string_view expected, absl::string_view path,
                        FieldViolations& violations) {
  violations.Add(absl::StrCat(path, ".shape"),
                 absl::StrCat("= [", length, "], expected ", expected));
}

std::optional<loss::WeightScheme> DecodeWeightScheme(v1::WeightScheme scheme,
                                                     absl::string_view path,
                                                     FieldViolations& violations) {
  switch (scheme) {
    case v1::WEIGHT_SCHEME_BALANCED:
      return loss::WeightScheme::kBalanced;
    case v1::WEIGHT_SCHEME_INVERSE_FREQUENCY:
      return loss::WeightScheme::kInverseFrequency;
    case v1::WEIGHT_SCHEME_INVERSE_SQUARE_ROOT:
      return loss::WeightScheme::kInverseSquareRoot;
    case v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER:
      return loss::WeightScheme::kEffectiveNumber;
    case v1::WEIGHT_SCHEME_MEDIAN_FREQUENCY:
      return loss::WeightScheme::kMedianFrequency;
    case v1::WEIGHT_SCHEME_LOG_FREQUENCY:
      return loss::WeightScheme::kLogFrequency;
    case v1::WEIGHT_SCHEME_UNSPECIFIED:
      violations.Add(path, "is not set, expected a weight scheme such as WEIGHT_SCHEME_BALANCED");
      return std::nullopt;
    default:
      violations.Add(path, absl::StrCat("= ", static_cast<int>(scheme), " is not a WeightScheme"));
      return std::nullopt;
  }
}

std::optional<loss::Normalization> DecodeNormalization(v1::Normalization normalization,
                                                       absl::string_view path,
                                                       FieldViolations& violations) {
  switch (normalization) {
    case v1::NORMALIZATION_UNSPECIFIED:
      return loss::Normalization::kOwn;
    case v1::NORMALIZATION_NONE:
      return loss::Normalization::kNone;
    case v1::NORMALIZATION_MEAN_ONE:
      return loss::Normalization::kMeanOne;
    case v1::NORMALIZATION_SUM_ONE:
      return loss::Normalization::kSumOne;
    case v1::NORMALIZATION_EXPECTED_ONE:
      return loss::Normalization::kExpectedOne;
    default:
      violations.Add(
          path, absl::StrCat("= ", static_cast<int>(normalization), " is not a Normalization"));
      return std::nullopt;
  }
}

void CheckBeta(const v1::SchemeWeights& scheme, absl::string_view path,
               FieldViolations& violations) {
  const std::string beta_path = absl::StrCat(path, ".beta");
  CheckRange(scheme.beta(), Range::FromBelow(0, 1), beta_path, violations);
  if (scheme.scheme() != v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER) {
    violations.Add(beta_path, "acts with WEIGHT_SCHEME_EFFECTIVE_NUMBER only");
  }
}

void DecodeAlpha(const v1::ClassWeighting& weighting, absl::string_view path,
                 loss::Activation activation, loss::ClassWeighting& decoded,
                 FieldViolations& violations) {
  const std::string alpha_path = absl::StrCat(path, ".alpha");
  CheckRange(weighting.alpha(), Range::Between(0, 1), alpha_path, violations);
  if (activation != loss::Activation::kSigmoid) {
    violations.Add(alpha_path, "acts with sigmoid only, but the activation is softmax");
  }
  decoded.alpha = weighting.alpha();
}

void DecodePositiveWeights(const v1::Tensor& tensor, absl::string_view path,
                           loss::Activation activation, const LogitsLayout* layout,
                           loss::ClassWeighting& decoded, FieldViolations& violations) {
  if (activation != loss::Activation::kSigmoid) {
    violations.Add(path, "acts with sigmoid only, but the activation is softmax");
    return;
  }
  auto weights = DecodeVector(tensor, path, violations);
  if (!weights) return;
  const std::optional<int64_t> length = ClassVectorLength(layout);
  if (length && weights->size() != 1 && weights->size() != static_cast<size_t>(*length)) {
    AddLengthViolation(weights->size(),
                       absl::StrCat("[", *length, "], a weight per class, or one value"), path,
                       violations);
    return;
  }
  // Of {negative, positive} the core knows the positives' alone, since there is one logit.
  if (layout != nullptr && !layout->class_axis && weights->size() == 2) {
    weights->erase(weights->begin());
  }
  decoded.positive_weights = *std::move(weights);
}

}  // namespace

std::optional<std::vector<double>> DecodeClassVector(const v1::Tensor& tensor,
                                                     std::optional<int64_t> length,
                                                     absl::string_view path,
                                                     FieldViolations& violations) {
  auto vector = DecodeVector(tensor, path, violations);
  if (!vector || !length || vector->size() == static_cast<size_t>(*length)) return vector;
  AddLengthViolation(vector->size(), absl::StrCat("[", *length, "], one entry per class"), path,
                     violations);
  return std::nullopt;
}

void CheckSum(absl::Span<const double> counts, absl::string_view path,
              FieldViolations& violations) {
  const double sum = std::accumulate(counts.begin(), counts.end(), 0.0);
  if (std::isfinite(sum)) return;
  violations.Add(path, absl::StrCat("sums to ", NumberText(sum), ", expected a finite sum"));
}

loss::SchemeWeights DecodeScheme(const v1::SchemeWeights& scheme, absl::string_view path,
                                 FieldViolations& violations) {
  loss::SchemeWeights decoded;
  if (const auto known =
          DecodeWeightScheme(scheme.scheme(), absl::StrCat(path, ".scheme"), violations)) {
    decoded.scheme = *known;
  }
  if (const auto normalization = DecodeNormalization(
          scheme.normalization(), absl::StrCat(path, ".normalization"), violations)) {
    decoded.normalization = *normalization;
  }
  if (scheme.has_beta()) {
    CheckBeta(scheme, path, violations);
    decoded.beta = scheme.beta();
  }
  return decoded;
}

loss::ClassWeighting DecodeClassWeighting(const v1::ClassWeighting& weighting,
                                          absl::string_view path, loss::Activation activation,
                                          const LogitsLayout* layout, FieldViolations& violations) {
  loss::ClassWeighting decoded;
  const std::optional<int64_t> length = ClassVectorLength(layout);
  if (weighting.has_weights()) {
    if (auto weights = DecodeClassVector(weighting.weights(), length,
                                         absl::StrCat(path, ".weights"), violations)) {
      decoded.weights = *std::move(weights);
    }
  }
  if (weighting.has_scheme()) {
    const std::string scheme_path = absl::StrCat(path, ".scheme");
    decoded.scheme = DecodeScheme(weighting.scheme(), scheme_path, violations);
    if (weighting.scheme().has_counts()) {
      const std::string counts_path = absl::StrCat(scheme_path, ".counts");
      if (auto counts =
              DecodeClassVector(weighting.scheme().counts(), length, counts_path, violations)) {
        CheckSum(*counts, counts_path, violations);
        decoded.scheme->counts = *std::move(counts);
      }
    }
  }
  if (weighting.has_alpha()) DecodeAlpha(weighting, path, activation, decoded, violations);
  if (weighting.has_positive_weights()) {
    DecodePositiveWeights(weighting.positive_weights(), absl::StrCat(path, ".positive_weights"),
                          activation, layout, decoded, violations);
  }
  return decoded;
}

}  // namespace lossd::rpc
