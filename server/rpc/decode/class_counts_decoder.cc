#include "server/rpc/decode/class_counts_decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/decode/class_weighting_decoder.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/tensor/element_violations.h"
#include "server/rpc/tensor/response_size.h"
#include "server/rpc/tensor/tensor_values.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {
namespace {

// The answer holds at least the counts, the frequencies and one weight for each class.
absl::Status CheckClassesFit(int64_t class_count, int64_t max_message_bytes) {
  ResponseSize size;
  for (int column = 0; column < 3; ++column) size.AddDoubles(class_count);
  return size.Check(max_message_bytes);
}

// The weights of samples of `shape`, 1 each when they are not set; nullopt after adding to
// `violations`.
std::optional<std::vector<double>> DecodeSampleWeights(
    const v1::ComputeClassWeightsRequest& request, const Shape& shape,
    FieldViolations& violations) {
  constexpr char kPath[] = "sample_weights";
  if (!request.has_sample_weights()) return std::vector<double>();
  const auto tensor =
      CheckTensor(FieldsOf(request.sample_weights()), v1::DATA_TYPE_UNSPECIFIED, kPath, violations);
  if (!tensor) return std::nullopt;
  if (tensor->shape != shape) {
    violations.Add("sample_weights.shape",
                   absl::StrCat("= ", ShapeText(tensor->shape), ", expected ", ShapeText(shape)));
    return std::nullopt;
  }
  auto weights = ReadNumbers(*tensor, kPath, violations);
  if (!weights || !CheckBound(absl::MakeConstSpan(*weights), shape, Bound::kFiniteAndNotNegative,
                              kPath, violations)) {
    return std::nullopt;
  }
  return weights;
}

double WeightOf(const std::vector<double>& weights, size_t sample) {
  return weights.empty() ? 1.0 : weights[sample];
}

// The request's class_count, or the number that the labels imply; 0 when there are neither.
int64_t ResolveClassCount(int64_t class_count, const std::vector<int64_t>& labels) {
  if (class_count != 0 || labels.empty()) return class_count;
  const int64_t largest = *std::max_element(labels.begin(), labels.end());
  return largest == std::numeric_limits<int64_t>::max() ? largest : largest + 1;
}

void CheckLabels(const std::vector<int64_t>& labels, const Shape& shape, int64_t class_count,
                 FieldViolations& violations) {
  const std::string expected = class_count == 0 ? ", expected a class >= 0"
                                                : absl::StrCat(" is not in [0, ", class_count, ")");
  ElementViolations elements("labels", shape, violations);
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && (class_count == 0 || labels[i] < class_count)) continue;
    elements.Add(i, [&] { return absl::StrCat("= ", labels[i], expected); });
  }
}

absl::StatusOr<std::vector<double>> CountLabels(const v1::ComputeClassWeightsRequest& request,
                                                const TensorView& tensor, int64_t max_message_bytes,
                                                FieldViolations& violations) {
  const auto labels = ReadIntegers(tensor, "labels", violations);
  const auto weights = DecodeSampleWeights(request, tensor.shape, violations);
  if (labels) CheckLabels(*labels, tensor.shape, request.class_count(), violations);
  if (labels && labels->empty() && request.class_count() == 0) {
    violations.Add("class_count", "is not set, expected the number of classes beside no labels");
  }
  if (!violations.empty()) return std::vector<double>();

  const int64_t class_count = ResolveClassCount(request.class_count(), *labels);
  absl::Status fits = CheckClassesFit(class_count, max_message_bytes);
  if (!fits.ok()) return fits;
  std::vector<double> counts(static_cast<size_t>(class_count), 0.0);
  for (size_t i = 0; i < labels->size(); ++i) {
    counts[static_cast<size_t>((*labels)[i])] += WeightOf(*weights, i);
  }
  return counts;
}

void CheckClassCount(int64_t class_count, int64_t actual, absl::string_view of,
                     FieldViolations& violations) {
  if (class_count == 0 || class_count == actual) return;
  violations.Add("class_count",
                 absl::StrCat("= ", class_count, ", expected ", actual, " as in ", of));
}

absl::StatusOr<std::vector<double>> SumTargets(const v1::ComputeClassWeightsRequest& request,
                                               const TensorView& tensor, int64_t max_message_bytes,
                                               FieldViolations& violations) {
  if (tensor.shape.size() != 2 || tensor.shape[1] == 0) {
    violations.Add("labels.shape", absl::StrCat("= ", ShapeText(tensor.shape),
                                                ", expected [N, C] with C >= 1 for float labels"));
    return std::vector<double>();
  }
  const int64_t classes = tensor.shape[1];
  const auto targets = ReadNumbers(tensor, "labels", violations);
  const auto weights = DecodeSampleWeights(request, {tensor.shape[0]}, violations);
  if (targets) {
    CheckBound(absl::MakeConstSpan(*targets), tensor.shape, Bound::kFiniteAndNotNegative, "labels",
               violations);
  }
  CheckClassCount(request.class_count(), classes, "labels", violations);
  if (!violations.empty()) return std::vector<double>();

  absl::Status fits = CheckClassesFit(classes, max_message_bytes);
  if (!fits.ok()) return fits;
  const auto width = static_cast<size_t>(classes);
  std::vector<double> counts(width, 0.0);
  for (size_t i = 0; i < targets->size(); ++i) {
    counts[i % width] += WeightOf(*weights, i / width) * (*targets)[i];
  }
  return counts;
}

absl::StatusOr<std::vector<double>> ReadCounts(const v1::ComputeClassWeightsRequest& request,
                                               FieldViolations& violations) {
  auto counts = DecodeClassVector(request.counts(), std::nullopt, "counts", violations);
  if (request.has_sample_weights()) {
    violations.Add("sample_weights", "acts beside labels only, but the source is counts");
  }
  if (!counts) return std::vector<double>();
  if (counts->empty()) {
    violations.Add("counts.shape", "= [0], expected at least one class");
  } else {
    CheckClassCount(request.class_count(), static_cast<int64_t>(counts->size()), "counts",
                    violations);
  }
  return *std::move(counts);
}

}  // namespace

absl::StatusOr<std::vector<double>> DecodeClassCounts(const v1::ComputeClassWeightsRequest& request,
                                                      int64_t max_message_bytes,
                                                      FieldViolations& violations) {
  if (request.class_count() < 0) {
    violations.Add("class_count", absl::StrCat("= ", request.class_count(),
                                               ", expected >= 1, or 0 for what the source says"));
    return std::vector<double>();
  }
  if (request.has_counts()) return ReadCounts(request, violations);
  if (!request.has_labels()) {
    violations.Add("labels", "is not set and neither is counts, expected one of them");
    return std::vector<double>();
  }
  const auto tensor =
      CheckTensor(FieldsOf(request.labels()), v1::DATA_TYPE_UNSPECIFIED, "labels", violations);
  if (!tensor) return std::vector<double>();
  return IsFloat(tensor->type) ? SumTargets(request, *tensor, max_message_bytes, violations)
                               : CountLabels(request, *tensor, max_message_bytes, violations);
}

}  // namespace lossd::rpc
