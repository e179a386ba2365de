#include "client/src/chunks/whole_batch.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/src/convert/destinations.h"
#include "client/src/status.h"

namespace lossd::client {
namespace {

bool IsSet(const OptionalReals& reals) { return !std::holds_alternative<std::monostate>(reals); }

const Shape* ShapeOf(const OptionalReals& reals) {
  if (const auto* floats = std::get_if<ArrayView<float>>(&reals)) return &floats->shape();
  const auto* doubles = std::get_if<ArrayView<double>>(&reals);
  return doubles == nullptr ? nullptr : &doubles->shape();
}

const Shape* ShapeOf(const Labels& labels) {
  if (const auto* integers = std::get_if<ArrayView<int64_t>>(&labels)) return &integers->shape();
  if (const auto* floats = std::get_if<ArrayView<float>>(&labels)) return &floats->shape();
  const auto* doubles = std::get_if<ArrayView<double>>(&labels);
  return doubles == nullptr ? nullptr : &doubles->shape();
}

absl::Status CheckRows(absl::string_view field, const Shape* shape, int64_t rows) {
  if (shape == nullptr || (!shape->empty() && shape->front() == rows)) return absl::OkStatus();
  return InvalidField(absl::StrCat(field, ".shape"),
                      absl::StrCat("= [", absl::StrJoin(*shape, ", "), "], expected ", rows,
                                   " rows, as the logits have"));
}

absl::Status CheckRollout(const Shape& logits, const LossSpec& loss,
                          const ComputeOptions& options) {
  const Rollout& rollout = options.rollout;
  const int64_t rows = logits.front();
  const Shape* const advantages = ShapeOf(rollout.advantages);
  absl::Status status;
  if (!HasAdvantagesOfSequences(logits, loss, options)) {
    status = CheckRows("rollout.advantages", advantages, rows);
  } else if (*advantages != options.sequence_lengths->shape()) {
    status = InvalidField("rollout.advantages.shape",
                          absl::StrCat("= [", absl::StrJoin(*advantages, ", "), "], expected [",
                                       absl::StrJoin(options.sequence_lengths->shape(), ", "),
                                       "], one for each sequence, or the losses' shape"));
  }
  status.Update(CheckRows("rollout.old_log_probs", ShapeOf(rollout.old_log_probs), rows));
  status.Update(
      CheckRows("rollout.reference_log_probs", ShapeOf(rollout.reference_log_probs), rows));
  status.Update(CheckRows("rollout.sampler_log_probs", ShapeOf(rollout.sampler_log_probs), rows));
  return status;
}

absl::Status CheckStatistics(const ComputeOptions& options) {
  const OutputOptions& outputs = options.outputs;
  if (!outputs.class_statistics && !outputs.difficulty) return absl::OkStatus();
  const absl::string_view field =
      outputs.class_statistics ? "outputs.class_statistics" : "outputs.difficulty";
  // A chunk has each class's share of its gradient. Only the gradient itself says how large that
  // is.
  if (!outputs.gradient || outputs.gradient_scale == 0.0) {
    return InvalidField(field,
                        "in chunks needs outputs.gradient, with a gradient_scale other than 0");
  }
  if (IsSet(options.upstream_gradient)) {
    return InvalidField(field, "in chunks cannot be combined with upstream_gradient");
  }
  return absl::OkStatus();
}

// Returns softmax's integer labels, null when the labels are something else.
const ArrayView<int64_t>* ClassIds(const Labels& labels, Activation activation) {
  return activation == Activation::kSoftmax ? std::get_if<ArrayView<int64_t>>(&labels) : nullptr;
}

absl::Status CheckLoss(const Labels& labels, const LossSpec& loss) {
  if (!std::holds_alternative<std::monostate>(loss.mining)) {
    return InvalidField("loss.mining",
                        "needs the whole batch in one request, and cannot be computed in chunks");
  }
  const auto* scheme = std::get_if<SchemeWeights>(&loss.class_weighting.source);
  if (scheme != nullptr && scheme->counts.empty() && ClassIds(labels, loss.activation) == nullptr) {
    return InvalidField("loss.class_weighting.scheme.counts",
                        "are needed in chunks for labels other than softmax's integers");
  }
  return absl::OkStatus();
}

// The samples of a batch in the server's order: rows of places with classes, the last axis fastest.
struct SampleOrder {
  int64_t rows = 0;          // along the first axis
  int64_t places = 1;        // of the axes that are neither that nor the classes'
  int64_t classes = 1;       // samples at each place: sigmoid's classes, else 1
  bool classes_last = true;  // in memory

  size_t samples() const { return static_cast<size_t>(rows * places * classes); }

  // Calls `use(index, place)` for each sample in turn: its index in an array of the losses' shape,
  // and its place, which all classes of a row share.
  template <typename Use>
  void ForEach(const Use& use) const {
    for (int64_t place = 0; place < rows * places; ++place) {
      const int64_t row = place / places;
      for (int64_t k = 0; k < classes; ++k) {
        const int64_t within = (k * places) + (place % places);
        use(static_cast<size_t>(classes_last ? (place * classes) + k
                                             : (row * places * classes) + within),
            static_cast<size_t>(place));
      }
    }
  }
};

SampleOrder OrderOf(const Shape& logits, const LossSpec& loss, const ComputeOptions& options) {
  const Shape losses = LossesShape(logits, loss.activation, options.class_axis).value_or(Shape());
  SampleOrder order;
  order.rows = logits.front();
  for (size_t axis = 1; axis < losses.size(); ++axis) order.places *= losses[axis];
  if (loss.activation == Activation::kSigmoid && logits.size() > 1) {
    order.classes_last = options.class_axis != 1 || logits.size() == 2;
    order.classes = order.classes_last ? logits.back() : logits[1];
    order.places /= order.classes == 0 ? 1 : order.classes;
  }
  return order;
}

// Returns s of the sample `index` of `samples`. There is one s per sample or one per row.
double WeightAt(const OptionalReals& weights, size_t index, size_t samples) {
  const auto at = [&](const auto& array) {
    const auto& values = array.values();
    return values.empty() ? 0.0 : static_cast<double>(values[index * values.size() / samples]);
  };
  if (const auto* floats = std::get_if<ArrayView<float>>(&weights)) return at(*floats);
  const auto* doubles = std::get_if<ArrayView<double>>(&weights);
  return doubles == nullptr ? 1.0 : at(*doubles);
}

// Returns the integer label of the sample or of its place. Returns null when the labels are
// targets, or are neither one per sample nor one per place.
const int64_t* LabelAt(const Labels& labels, size_t index, size_t place, const SampleOrder& order) {
  const auto* integers = std::get_if<ArrayView<int64_t>>(&labels);
  if (integers == nullptr) return nullptr;
  const auto& values = integers->values();
  if (values.size() == order.samples()) return &values[index];
  return values.size() == static_cast<size_t>(order.rows * order.places) ? &values[place] : nullptr;
}

// Calls `use(index, s, label)` for each sample in turn that is not ignored.
template <typename Use>
void ForEachCounted(const SampleOrder& order, const Labels& labels, const LossSpec& loss,
                    const ComputeOptions& options, const Use& use) {
  const bool may_be_ignored =
      loss.ignore_index && std::holds_alternative<ArrayView<int64_t>>(labels);
  order.ForEach([&](size_t index, size_t place) {
    const int64_t* label = LabelAt(labels, index, place, order);
    if (may_be_ignored && label != nullptr && *label == loss.ignore_index) return;
    const double s = WeightAt(options.sample_weights, index, order.samples());
    if (s != 0.0) use(index, s, label);  // else ignored, whatever its label is
  });
}

// Returns v of the label's class, 1 when there are no class weights or the label is no class.
double ClassWeightOf(const int64_t* label, absl::Span<const double> class_weights) {
  const bool known =
      label != nullptr && *label >= 0 && static_cast<uint64_t>(*label) < class_weights.size();
  return known ? class_weights[static_cast<size_t>(*label)] : 1.0;
}

}  // namespace

absl::Status CheckSplittable(const Shape& logits, const Labels& labels, const LossSpec& loss,
                             const ComputeOptions& options) {
  if (logits.empty()) return InvalidField("logits.shape", "= [] has no rows to cut");
  const auto losses = LossesShape(logits, loss.activation, options.class_axis);
  if (!losses || losses->empty() || losses->front() != logits.front()) {
    return InvalidField("logits.shape", absl::StrCat("= [", absl::StrJoin(logits, ", "),
                                                     "] has no axis of classes beside its rows"));
  }
  absl::Status status = CheckLoss(labels, loss);
  status.Update(CheckStatistics(options));
  status.Update(CheckRows("labels", ShapeOf(labels), logits.front()));
  status.Update(CheckRows("teacher_logits", ShapeOf(options.teacher_logits), logits.front()));
  status.Update(CheckRows("sample_weights", ShapeOf(options.sample_weights), logits.front()));
  status.Update(CheckRows("upstream_gradient", ShapeOf(options.upstream_gradient), logits.front()));
  const Shape* ids = options.recording ? &options.recording->sample_ids.shape() : nullptr;
  status.Update(CheckRows("sample_ids", ids, logits.front()));
  status.Update(CheckRollout(logits, loss, options));
  if (options.sequence_lengths && losses->size() > 1) {
    status.Update(InvalidField("sequence_lengths",
                               "is set beside losses of several axes, whose last one is the "
                               "sequence; expected losses of one axis"));
  }
  return status;
}

bool HasAdvantagesOfSequences(const Shape& logits, const LossSpec& loss,
                              const ComputeOptions& options) {
  const Shape* const given = ShapeOf(options.rollout.advantages);
  if (!options.sequence_lengths || given == nullptr) return false;
  return *given != LossesShape(logits, loss.activation, options.class_axis).value_or(logits);
}

std::vector<double> CountLabels(const ArrayView<int64_t>& labels,
                                const OptionalReals& sample_weights, int64_t class_count,
                                std::optional<int64_t> ignore_index) {
  std::vector<double> counts(static_cast<size_t>(class_count), 0.0);
  const auto& values = labels.values();
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t label = values[i];
    if (label == ignore_index || label < 0 || label >= class_count) continue;
    if (WeightAt(sample_weights, i, values.size()) == 0.0) continue;
    counts[static_cast<size_t>(label)] += 1.0;
  }
  return counts;
}

int64_t CountSequences(const Shape& logits, const Labels& labels, const LossSpec& loss,
                       const ComputeOptions& options) {
  const Shape losses = LossesShape(logits, loss.activation, options.class_axis).value_or(logits);
  const auto length = static_cast<size_t>(losses.back());
  size_t next = 0;  // the sequence behind that of the last sample
  size_t end = 0;   // of the samples before it
  int64_t count = 0;
  size_t counted = 0;  // the last sequence that was, counted from 1
  ForEachCounted(OrderOf(logits, loss, options), labels, loss, options,
                 [&](size_t index, double /*s*/, const int64_t* /*label*/) {
                   while (index >= end) {
                     end += options.sequence_lengths
                                ? static_cast<size_t>(options.sequence_lengths->values()[next])
                                : length;
                     ++next;
                   }
                   count += next != counted ? 1 : 0;
                   counted = next;
                 });
  return count;
}

std::optional<double> FindDivisor(const Shape& logits, const Labels& labels, const LossSpec& loss,
                                  const ComputeOptions& options,
                                  absl::Span<const double> class_weights) {
  const SampleOrder order = OrderOf(logits, loss, options);
  const bool may_be_ignored =
      loss.ignore_index && std::holds_alternative<ArrayView<int64_t>>(labels);
  const bool has_weights = IsSet(options.sample_weights);
  const bool weighed =
      options.reduction == Reduction::kMean && (has_weights || !class_weights.empty());
  double divisor = 0.0;
  if (!may_be_ignored && !has_weights && !weighed) {
    divisor = static_cast<double>(order.samples());
  } else {
    ForEachCounted(order, labels, loss, options,
                   [&](size_t /*index*/, double s, const int64_t* label) {
                     divisor += weighed ? s * ClassWeightOf(label, class_weights) : 1.0;
                   });
  }
  return std::isfinite(divisor) && divisor > 0.0 ? std::optional<double>(divisor) : std::nullopt;
}

}  // namespace lossd::client
