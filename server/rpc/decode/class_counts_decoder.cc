#include "server/rpc/decode/class_counts_decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/loss/cancelled_call.h"
#include "server/rpc/decode/class_weighting_decoder.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/tensor/element_violations.h"
#include "server/rpc/tensor/tensor_values.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {
namespace {

// Calls f(i) for each element, as long as the request is not cancelled.
template <typename F>
void ForEachElement(size_t elements, const Field& field, F f) {
  ForEachBlock(static_cast<int64_t>(elements), 1, field.cancellation(),
               [&](int64_t begin, int64_t end) {
                 for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) f(i);
               });
}

// Returns the weights of samples of `shape`, none when they are not set, or nullopt after adding a
// violation.
std::optional<std::vector<double>> DecodeSampleWeights(
    const v1::ComputeClassWeightsRequest& request, const Shape& shape, const Field& field) {
  if (!request.has_sample_weights()) return std::vector<double>();
  const auto tensor =
      CheckTensor(FieldsOf(request.sample_weights()), v1::DATA_TYPE_UNSPECIFIED, field);
  if (!tensor) return std::nullopt;
  if (tensor->shape != shape) {
    field["shape"].Refuse("= ", ShapeText(tensor->shape), ", expected ", ShapeText(shape));
    return std::nullopt;
  }
  auto weights = ReadNumbers(*tensor, field);
  if (!weights ||
      !CheckBound(absl::MakeConstSpan(*weights), shape, Bound::kFiniteAndNotNegative, field)) {
    return std::nullopt;
  }
  return weights;
}

double WeightOf(const std::vector<double>& weights, size_t sample) {
  return weights.empty() ? 1.0 : weights[sample];
}

// Integer labels, with what says which of them count.
struct CountedLabels {
  std::vector<int64_t> values;
  std::vector<double> weights;  // empty: each is 1
  std::optional<int64_t> ignore_index;

  bool counts(size_t i) const { return values[i] != ignore_index && WeightOf(weights, i) != 0; }
};

// Returns the largest label that counts, or nullopt when none does.
std::optional<int64_t> LargestLabel(const CountedLabels& labels, const Field& field) {
  std::optional<int64_t> largest;
  ForEachElement(labels.values.size(), field, [&](size_t i) {
    if (labels.counts(i)) largest = std::max(labels.values[i], largest.value_or(labels.values[i]));
  });
  return largest;
}

// Returns `class_count` if it is set, else the number of classes that the labels imply. Returns
// nullopt after adding a violation when none counts.
std::optional<int64_t> ResolveClassCount(int64_t class_count, const CountedLabels& labels,
                                         const Field& field) {
  if (class_count != 0) return class_count;
  const std::optional<int64_t> largest = LargestLabel(labels, field);
  if (!largest) {
    field.Refuse("is not set, expected the number of classes, since ",
                 labels.values.empty() ? "there are no labels" : "no label counts");
    return std::nullopt;
  }
  return *largest == std::numeric_limits<int64_t>::max() ? *largest : *largest + 1;
}

std::string ExpectedLabel(int64_t class_count, std::optional<int64_t> ignore_index) {
  if (class_count == 0) {
    return absl::StrCat(", expected a class >= 0",
                        ignore_index ? absl::StrCat(" or ignore_index ", *ignore_index) : "");
  }
  return absl::StrCat(" is not in [0, ", class_count, ")",
                      ignore_index ? absl::StrCat(" and is not ignore_index ", *ignore_index) : "");
}

void CheckLabels(const CountedLabels& labels, const Shape& shape, int64_t class_count,
                 const Field& field) {
  ElementViolations elements(field, shape);
  elements.ForEach(labels.values.size(), [&](size_t i) {
    const int64_t label = labels.values[i];
    if (label >= 0 && (class_count == 0 || label < class_count)) return;
    if (!labels.counts(i)) return;
    elements.Add(i, [&] {
      return absl::StrCat("= ", label, ExpectedLabel(class_count, labels.ignore_index));
    });
  });
}

absl::StatusOr<std::vector<double>> CountLabels(const v1::ComputeClassWeightsRequest& request,
                                                const TensorView& tensor, const AdmitClasses& admit,
                                                const Field& field) {
  auto values = ReadIntegers(tensor, field["labels"]);
  auto weights = DecodeSampleWeights(request, tensor.shape, field["sample_weights"]);
  if (field.cancellation().seen()) return loss::CancelledCall();
  if (!values || !weights) return std::vector<double>();
  CountedLabels labels = {*std::move(values), *std::move(weights), std::nullopt};
  if (request.has_ignore_index()) labels.ignore_index = request.ignore_index();
  CheckLabels(labels, tensor.shape, request.class_count(), field["labels"]);
  const auto class_count = ResolveClassCount(request.class_count(), labels, field["class_count"]);
  if (field.cancellation().seen()) return loss::CancelledCall();
  if (!field.violations().empty()) return std::vector<double>();

  absl::Status admitted = admit(*class_count);
  if (!admitted.ok()) return admitted;
  std::vector<double> counts(static_cast<size_t>(*class_count), 0.0);
  ForEachElement(labels.values.size(), field, [&](size_t i) {
    if (!labels.counts(i)) return;
    counts[static_cast<size_t>(labels.values[i])] += WeightOf(labels.weights, i);
  });
  return counts;
}

void CheckIgnoreIndexUnset(const v1::ComputeClassWeightsRequest& request, absl::string_view beside,
                           const Field& field) {
  if (!request.has_ignore_index()) return;
  field["ignore_index"].Refuse("= ", request.ignore_index(), " beside ", beside,
                               ", expected integer labels");
}

// Adds a violation when class_count is set and is not `actual`, that of the field `source`.
void CheckClassCount(int64_t class_count, int64_t actual, absl::string_view source,
                     const Field& field) {
  if (class_count == 0 || class_count == actual) return;
  field.Refuse("= ", class_count, ", expected ", actual, ", the number of classes in ", source);
}

absl::StatusOr<std::vector<double>> SumTargets(const v1::ComputeClassWeightsRequest& request,
                                               const TensorView& tensor, const AdmitClasses& admit,
                                               const Field& field) {
  const Field labels = field["labels"];
  if (tensor.shape.size() != 2 || tensor.shape[1] == 0) {
    labels["shape"].Refuse("= ", ShapeText(tensor.shape),
                           ", expected [N, C] with C >= 1 for float labels");
    return std::vector<double>();
  }
  const int64_t classes = tensor.shape[1];
  const auto targets = ReadNumbers(tensor, labels);
  const auto weights = DecodeSampleWeights(request, {tensor.shape[0]}, field["sample_weights"]);
  if (targets) {
    const auto place = [](int64_t i) { return i; };
    const auto is_read = [&](int64_t i) {
      return !weights || WeightOf(*weights, static_cast<size_t>(i / classes)) != 0;
    };
    CheckBound(absl::MakeConstSpan(*targets), {place, is_read}, tensor.shape,
               Bound::kFiniteAndNotNegative, labels);
  }
  CheckIgnoreIndexUnset(request, "float labels", field);
  CheckClassCount(request.class_count(), classes, "labels", field["class_count"]);
  if (field.cancellation().seen()) return loss::CancelledCall();
  if (!field.violations().empty()) return std::vector<double>();

  absl::Status admitted = admit(classes);
  if (!admitted.ok()) return admitted;
  const auto width = static_cast<size_t>(classes);
  std::vector<double> counts(width, 0.0);
  ForEachElement(targets->size(), field, [&](size_t i) {
    const double weight = WeightOf(*weights, i / width);
    if (weight != 0) counts[i % width] += weight * (*targets)[i];
  });
  return counts;
}

absl::StatusOr<std::vector<double>> ReadCounts(const v1::ComputeClassWeightsRequest& request,
                                               const AdmitClasses& admit, const Field& field) {
  auto counts = DecodeClassVector(request.counts(), std::nullopt, field["counts"]);
  if (request.has_sample_weights()) {
    field["sample_weights"].Refuse("is set, but applies to labels, not to counts");
  }
  CheckIgnoreIndexUnset(request, "counts", field);
  if (!counts) return std::vector<double>();
  if (counts->empty()) {
    field["counts"]["shape"].Refuse("= [0], expected at least one class");
  } else {
    CheckClassCount(request.class_count(), static_cast<int64_t>(counts->size()), "counts",
                    field["class_count"]);
  }
  if (!field.violations().empty()) return *std::move(counts);
  absl::Status admitted = admit(static_cast<int64_t>(counts->size()));
  if (!admitted.ok()) return admitted;
  return *std::move(counts);
}

}  // namespace

absl::StatusOr<std::vector<double>> DecodeClassCounts(const v1::ComputeClassWeightsRequest& request,
                                                      const AdmitClasses& admit,
                                                      const Field& field) {
  if (request.class_count() < 0) {
    field["class_count"].Refuse("= ", request.class_count(),
                                ", expected >= 1, or 0 for the number in labels or counts");
    return std::vector<double>();
  }
  if (request.has_counts()) return ReadCounts(request, admit, field);
  if (!request.has_labels()) {
    field["labels"].Refuse("is not set, expected labels or counts");
    return std::vector<double>();
  }
  const auto tensor =
      CheckTensor(FieldsOf(request.labels()), v1::DATA_TYPE_UNSPECIFIED, field["labels"]);
  if (!tensor) return std::vector<double>();
  return IsFloat(tensor->type) ? SumTargets(request, *tensor, admit, field)
                               : CountLabels(request, *tensor, admit, field);
}

}  // namespace lossd::rpc
