#include "server/loss/work.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <variant>

#include "server/loss/row_work.h"
#include "server/loss/statistics.h"

namespace lossd::loss {
namespace {

// Nanoseconds for a number of its kind, on the slow side.
constexpr double kWideLogit = 10;  // weighed and added up in Wide
constexpr double kSampleOutcome = 30;
constexpr double kMinedSample = 60;
constexpr double kClassWeight = 60;
constexpr double kClassOfColumns = 100;
constexpr double kOutcome = 80;
// A sample is judged, and copied; more where it is computed once more, by itself.
constexpr double kPresentedSample = 20;

constexpr double kBytesOfRecord = 4 * sizeof(double) + 1;
// Whether a sample weighs nothing.
constexpr double kBytesOfWeightless = 1;
// The losses, flags and weights of mining.
constexpr double kBytesOfMined = 3 * sizeof(double) + 2;
// The columns of PresentedSamples, and what they are read from.
constexpr double kBytesOfPresented = 7 * sizeof(double) + 4;
// Nine columns, and the list of empty classes or of ids.
constexpr double kBytesOfColumns = 10 * sizeof(double);

bool HasRecords(const ComputeOptions& options) {
  return options.class_statistics || options.difficulty || options.vanishing;
}

bool IsMined(const LossSpec& spec) { return !std::holds_alternative<std::monostate>(spec.mining); }

Work WorkOfMining(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                  const WorkShape& shape) {
  Work work = WorkOfRows(batch, spec, options, shape);
  work.operations += kMinedSample * shape.samples;
  work.bytes += (kBytesOfMined + kBytesOfRecord + shape.element) * shape.samples;
  return work;
}

Work WorkOfStatistics(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                      const WorkShape& shape) {
  Work work;
  work.operations = kSampleOutcome * shape.samples + 2 * kReadLogit * shape.logits();
  work.bytes = (kBytesOfRecord + shape.element) * shape.samples;
  const auto samples = static_cast<int64_t>(std::min(shape.samples, 0x1p62));
  const auto collected = StatisticsCollector::BytesOf(static_cast<int64_t>(shape.entries), samples);
  work.bytes += static_cast<double>(collected);
  work.operations += static_cast<double>(collected) / kBytesOfColumns;
  if (!options.class_statistics) return work;
  const double entries = ColumnEntries(batch, spec, options);
  work.operations += kClassOfColumns * entries;
  work.bytes += kBytesOfColumns * entries;
  return work;
}

// Returns what the samples by themselves take, which may be computed apart.
Work WorkOfPresented(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                     const WorkShape& shape) {
  Work work;
  if (IsMined(spec) || !batch.sample_weights.empty()) {
    work = WorkOfRows(batch, spec, options, shape);
    work.bytes += kBytesOfNumber * static_cast<double>(batch.sample_weights.values.size());
  }
  work.operations += kPresentedSample * shape.samples + 2 * kReadLogit * shape.logits();
  work.bytes += kBytesOfPresented * shape.samples;
  return work;
}

// Returns what a rollout takes beside its own tensors.
Work WorkOfRollout(const Batch& batch, const LossSpec& spec, const WorkShape& shape) {
  Work work;
  if (!ReadsRollout(batch, spec)) return work;
  const auto sequences = static_cast<double>(batch.sequences.count());
  const bool has_logits = spec.activation != Activation::kLogProbability;
  work.bytes = 3 * kBytesOfNumber * sequences;
  // Upstream gradients, which samples are dropped, and what a block's samples have beside them.
  if (has_logits) {
    work.bytes += (5 * kBytesOfNumber + kBytesOfWeightless + 2 * shape.element) * shape.samples;
  }
  if (!spec.policy.reads_sequences()) return work;
  work.operations = 4 * kReadLogit * shape.samples;
  if (has_logits) work.bytes += shape.element * shape.samples;
  return work;
}

// Returns what the divisors of sequences take, and the losses that they divide.
Work WorkOfSequenceMean(const Batch& batch, const WorkShape& shape) {
  const auto sequences = static_cast<double>(batch.sequences.count());
  const bool differ = !batch.sequences.ends.empty();
  return {2 * kReadLogit * (shape.samples + sequences),
          2 * kBytesOfNumber * sequences +
              (shape.element + (differ ? kBytesOfNumber : 0)) * shape.samples};
}

Work WorkOfTopK(const ComputeOptions& options, const WorkShape& shape) {
  Work work;
  const auto entries = static_cast<double>(options.top_k.size());
  if (entries == 0) return work;
  const double steps = 1 + std::log2(entries);
  work.operations = 2 * kReadLogit * shape.logits() + 4 * steps * (shape.rows + 4 * entries);
  work.bytes = 4 * kBytesOfNumber * entries + 2 * kBytesOfNumber * shape.rows;
  return work;
}

}  // namespace

double ColumnEntries(const Batch& batch, const LossSpec& spec, const ComputeOptions& options) {
  const WorkShape shape(batch, spec);
  if (options.class_columns == ClassColumns::kAll) return shape.entries;
  return std::min(shape.entries, shape.samples);
}

Work WorkOfCompute(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                   const PerOutput<bool>& wanted, int thread_count) {
  const WorkShape shape(batch, spec);
  Work work = WorkOfClasses(batch, spec, shape);
  work += WorkOfRows(batch, spec, options, shape);
  for (const OutputRow& row : kOutputTable) {
    if (wanted[row.output]) work.operations += kReadLogit * shape.logits();
  }
  work.bytes += BytesOfScratch(batch, spec, shape, thread_count);
  if (!batch.sample_weights.empty()) work.bytes += kBytesOfWeightless * shape.samples;
  const bool looks_again = (HasRecords(options) && spec.activation == Activation::kSigmoid) ||
                           IsMined(spec) || spec.policy.ratio.level == RatioLevel::kSequence;
  constexpr double kLongestRow = 0x1p20;
  const bool reads_all =
      looks_again || batch.inner > 1 || shape.element * shape.classes > kLongestRow;
  if (batch.logit_reader != nullptr && reads_all) {
    work.operations += kReadLogit * shape.logits();
    work.bytes += shape.element * shape.logits();
  }
  if (IsMined(spec)) work += WorkOfMining(batch, spec, options, shape);
  if (HasRecords(options)) work += WorkOfStatistics(batch, spec, options, shape);
  if (options.presented != nullptr) work += WorkOfPresented(batch, spec, options, shape);
  work += WorkOfTopK(options, shape);
  work += WorkOfRollout(batch, spec, shape);
  if (options.reduction == Reduction::kSequenceMean) work += WorkOfSequenceMean(batch, shape);
  return work;
}

Work WorkOfAddingUp(const Batch& batch, const LossSpec& spec, const ComputeOptions& options) {
  const WorkShape shape(batch, spec);
  Work work = WorkOfRows(batch, spec, options, shape);
  const double of_logit = kWideLogit + (HasTeacher(batch) ? kTeacherLogit : 0);
  const bool has_targets = std::holds_alternative<Targets>(batch.labels);
  // Of both plans.
  work.operations += 2 * (has_targets ? of_logit * shape.logits() : kWideLogit * shape.samples);
  return work;
}

Work WorkOfCompare(const Batch& batch, absl::Span<const LossSpec* const> specs,
                   const ComputeOptions& options, int thread_count) {
  ComputeOptions with_gradient = options;
  with_gradient.vanishing = true;
  PerOutput<bool> wanted;
  wanted[Output::kGradient] = true;
  Work all;
  double most = 0;
  double kept = 0;
  double logits = 0;
  double element = 0;
  for (const LossSpec* one : specs) {
    const LossSpec& spec = *one;
    const WorkShape shape(batch, spec);
    const Work work = WorkOfCompute(batch, spec, with_gradient, wanted, thread_count);
    all.operations += work.operations + 2 * kReadLogit * shape.logits();
    most = std::max(most, work.bytes);
    kept += kBytesOfNumber * (spec.class_weighting.empty() ? 0 : shape.entries);
    if (options.class_statistics)
      kept += kBytesOfColumns * ColumnEntries(batch, spec, with_gradient);
    logits = shape.logits();
    element = shape.element;
  }
  all.bytes = most + kept + element * logits;
  return all;
}

Work WorkOfClassWeights(double classes) {
  return {kClassWeight * classes, kBytesOfNumber * classes};
}

Work WorkOfInformation(double rows, double outcomes, double distributions) {
  Work work;
  work.operations = kOutcome * rows * outcomes * distributions;
  work.bytes = kBytesOfNumber * (3 * 2 * outcomes + 4 * rows);
  return work;
}

}  // namespace lossd::loss
