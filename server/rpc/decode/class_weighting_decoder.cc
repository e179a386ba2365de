#include "server/rpc/decode/class_weighting_decoder.h"

#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/rpc/decode/activation_decoder.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/decode/weight_schemes.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/errors/unknown_value.h"
#include "server/rpc/tensor/tensor_values.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {
namespace {

// Returns a finite, non-negative vector of any length, or nullopt after adding a violation.
std::optional<std::vector<double>> DecodeVector(const v1::Tensor& tensor, const Field& field) {
  const auto view = CheckTensor(FieldsOf(tensor), v1::DATA_TYPE_UNSPECIFIED, field);
  if (!view) return std::nullopt;
  if (view->shape.size() != 1) {
    field["shape"].Refuse("= ", ShapeText(view->shape), ", expected one axis");
    return std::nullopt;
  }
  auto numbers = ReadNumbers(*view, field);
  if (!numbers || !CheckBound(absl::MakeConstSpan(*numbers), view->shape,
                              Bound::kFiniteAndNotNegative, field)) {
    return std::nullopt;
  }
  return numbers;
}

void RefuseLength(size_t length, absl::string_view expected, const Field& field) {
  field["shape"].Refuse("= [", length, "], expected ", expected);
}

std::optional<loss::WeightScheme> DecodeWeightScheme(v1::WeightScheme scheme, const Field& field) {
  for (const WeightSchemeRow& row : kWeightSchemes) {
    if (row.wire == scheme) return row.core;
  }
  if (scheme == v1::WEIGHT_SCHEME_UNSPECIFIED) {
    field.Refuse("is not set, expected a weight scheme such as WEIGHT_SCHEME_BALANCED");
  } else {
    RefuseUnknownValue(scheme, field);
  }
  return std::nullopt;
}

std::optional<loss::Normalization> DecodeNormalization(v1::Normalization normalization,
                                                       const Field& field) {
  for (const NormalizationRow& row : kNormalizations) {
    if (row.wire == normalization) return row.core;
  }
  RefuseUnknownValue(normalization, field);
  return std::nullopt;
}

void CheckBeta(const v1::SchemeWeights& scheme, const Field& field) {
  CheckRange(scheme.beta(), Range::FromBelow(0, 1), field);
  if (scheme.scheme() != v1::WEIGHT_SCHEME_EFFECTIVE_NUMBER) {
    field.Refuse("acts with WEIGHT_SCHEME_EFFECTIVE_NUMBER only");
  }
}

loss::SchemeWeights DecodeSchemeWithCounts(const v1::SchemeWeights& scheme,
                                           std::optional<int64_t> length, const Field& field) {
  loss::SchemeWeights decoded = DecodeScheme(scheme, field);
  if (!scheme.has_counts()) return decoded;
  const Field counts_field = field["counts"];
  auto counts = DecodeClassVector(scheme.counts(), length, counts_field);
  if (!counts) return decoded;
  CheckSum(*counts, counts_field);
  decoded.counts = *std::move(counts);
  return decoded;
}

// Returns positive weights as the core has them; none after adding to the violations.
std::vector<double> DecodePositiveWeights(const v1::Tensor& tensor, loss::Activation activation,
                                          const LogitsLayout* layout, const Field& field) {
  if (!CheckActivation(loss::Activation::kSigmoid, activation, field)) return {};
  auto weights = DecodeVector(tensor, field);
  if (!weights) return {};
  const std::optional<int64_t> length = ClassVectorLength(layout);
  if (length && weights->size() != 1 && weights->size() != static_cast<size_t>(*length)) {
    RefuseLength(weights->size(), absl::StrCat("[", *length, "], one weight per class, or [1]"),
                 field);
    return {};
  }
  // With [N] logits the two are {negative, positive}; the core has the positives' weight alone.
  if (layout != nullptr && !layout->class_axis && weights->size() == 2) {
    weights->erase(weights->begin());
  }
  return *std::move(weights);
}

}  // namespace

std::optional<int64_t> ClassVectorLength(const LogitsLayout* layout) {
  if (layout == nullptr) return std::nullopt;
  return layout->class_vector_length();
}

std::optional<std::vector<double>> DecodeClassVector(const v1::Tensor& tensor,
                                                     std::optional<int64_t> length,
                                                     const Field& field) {
  auto vector = DecodeVector(tensor, field);
  if (!vector || !length || vector->size() == static_cast<size_t>(*length)) return vector;
  RefuseLength(vector->size(), absl::StrCat("[", *length, "], one entry per class"), field);
  return std::nullopt;
}

void CheckSum(absl::Span<const double> counts, const Field& field) {
  const double sum = std::accumulate(counts.begin(), counts.end(), 0.0);
  if (std::isfinite(sum)) return;
  field.Refuse("sums to ", NumberText(sum), ", expected a finite sum");
}

loss::SchemeWeights DecodeScheme(const v1::SchemeWeights& scheme, const Field& field) {
  loss::SchemeWeights decoded;
  if (const auto known = DecodeWeightScheme(scheme.scheme(), field["scheme"])) {
    decoded.scheme = *known;
  }
  if (const auto known = DecodeNormalization(scheme.normalization(), field["normalization"])) {
    decoded.normalization = *known;
  }
  if (scheme.has_beta()) {
    CheckBeta(scheme, field["beta"]);
    decoded.beta = scheme.beta();
  }
  return decoded;
}

loss::ClassWeighting DecodeClassWeighting(const v1::ClassWeighting& weighting,
                                          loss::Activation activation, const LogitsLayout* layout,
                                          const Field& field) {
  loss::ClassWeighting decoded;
  const std::optional<int64_t> length = ClassVectorLength(layout);
  if (weighting.has_weights()) {
    auto weights = DecodeClassVector(weighting.weights(), length, field["weights"]);
    if (weights) decoded.weights = *std::move(weights);
  }
  if (weighting.has_scheme()) {
    decoded.scheme = DecodeSchemeWithCounts(weighting.scheme(), length, field["scheme"]);
  }
  if (weighting.has_alpha()) {
    decoded.alpha = weighting.alpha();
    CheckRange(weighting.alpha(), Range::Between(0, 1), field["alpha"]);
    CheckActivation(loss::Activation::kSigmoid, activation, field["alpha"]);
  }
  if (weighting.has_positive_weights()) {
    decoded.positive_weights = DecodePositiveWeights(weighting.positive_weights(), activation,
                                                     layout, field["positive_weights"]);
  }
  return decoded;
}

}  // namespace lossd::rpc
