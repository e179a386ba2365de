#include "server/loss/work.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <variant>

#include "server/kernels/form_kernels.h"
#include "server/kernels/workspace.h"
#include "server/loss/blocks/row_shaping.h"
#include "server/loss/class_counts.h"
#include "server/loss/statistics.h"

namespace lossd::loss {
namespace {

// Nanoseconds for a number of its kind, on the slow side.
constexpr double kFastLogit = 2;      // a kernel in the logits' own type
constexpr double kDenseLogit = 20;    // a dense kernel, in double
constexpr double kTeacherLogit = 10;  // beside it, for its target
constexpr double kReadLogit = 1;      // compared, or copied
constexpr double kWideLogit = 10;     // weighed and added up in Wide
constexpr double kToken = 10;         // a log-probability of its own
constexpr double kPolicyToken = 20;   // beside a rollout
constexpr double kSampleOutcome = 30;
constexpr double kMinedSample = 60;
constexpr double kClassWeight = 60;
constexpr double kClassConstant = 30;
constexpr double kClassOfColumns = 100;
constexpr double kOutcome = 80;
// A sample is judged, and copied; more where it is computed once more, by itself.
constexpr double kPresentedSample = 20;

constexpr double kBytesOfNumber = sizeof(double);
constexpr double kBytesOfRecord = 4 * sizeof(double) + 1;
// Whether a sample weighs nothing.
constexpr double kBytesOfWeightless = 1;
// The losses, flags and weights of mining.
constexpr double kBytesOfMined = 3 * sizeof(double) + 2;
// The columns of PresentedSamples, and what they are read from.
constexpr double kBytesOfPresented = 7 * sizeof(double) + 4;
// Nine columns, and the list of empty classes or of ids.
constexpr double kBytesOfColumns = 10 * sizeof(double);
// A block of dense rows: one row each of so many arrays.
constexpr double kDenseArrays = 12;
constexpr double kTeacherArrays = 3;
// A few rows of floats that are computed in double: so many logits, or one row.
constexpr double kWidenedLogits = 8192;
// The outputs of a row of floats with a rollout that is computed in double, and its logits.
constexpr double kPolicyArrays = 7;

// The shape of what is computed.
struct Shape {
  Shape(const Batch& batch, const LossSpec& spec)
      : rows(static_cast<double>(batch.rows)),
        classes(static_cast<double>(batch.classes)),
        samples(spec.activation == Activation::kSoftmax ? rows : rows * classes),
        entries(static_cast<double>(ClassVectorSize(batch, spec.activation))),
        element(std::holds_alternative<absl::Span<const float>>(batch.logits) ? sizeof(float)
                                                                              : sizeof(double)) {}

  double logits() const { return rows * classes; }

  double rows;
  double classes;
  double samples;
  double entries;  // of a class vector
  double element;
};

bool HasRecords(const ComputeOptions& options) {
  return options.class_statistics || options.difficulty || options.vanishing;
}

bool IsMined(const LossSpec& spec) { return !std::holds_alternative<std::monostate>(spec.mining); }

// Returns true when float does not do for rows of softmax that are floats.
bool Widens(const LossSpec& spec, const Shape& shape) {
  return shape.element == sizeof(float) && NeedsDouble(spec);
}

bool HasTeacher(const Batch& batch) {
  const auto* targets = std::get_if<Targets>(&batch.labels);
  return targets != nullptr && targets->kind == TargetKind::kTeacherLogits;
}

// Returns true when nothing lies around the form.
bool IsPlain(const Batch& batch, const LossSpec& spec) {
  const bool hard = !std::holds_alternative<Targets>(batch.labels);
  return hard && spec.label_smoothing == 0 && spec.z_loss == 0 && spec.softcap == 0 &&
         (spec.temperature == 0 || spec.temperature == 1) &&
         std::holds_alternative<std::monostate>(spec.logit_adjustment);
}

// Returns true when a kernel of hard labels may compute the batch.
bool IsFast(const Batch& batch, const LossSpec& spec) {
  if (spec.activation == Activation::kSigmoid) return IsPlain(batch, spec);
  const bool is_float = std::holds_alternative<absl::Span<const float>>(batch.logits);
  if (is_float && NeedsDouble(spec)) return false;
  const bool smooths = spec.label_smoothing == 0 || KernelsOf(*spec.form).smooths_hard_labels;
  return smooths && std::holds_alternative<ClassIds>(batch.labels);
}

// Returns what is resolved for the classes before any row is computed.
Work WorkOfClasses(const Batch& batch, const LossSpec& spec, const Shape& shape) {
  const ClassWeighting& weighting = spec.class_weighting;
  double vectors = 0;
  Work work;
  if (weighting.scheme || !weighting.weights.empty())
    vectors += 2;  // as applied, in the result too
  if (weighting.scheme) {
    work += WorkOfClassWeights(shape.entries);
    if (weighting.scheme->counts.empty()) {
      vectors += 1;
      work.operations += (HasTeacher(batch) ? kTeacherLogit : kReadLogit) * shape.logits();
    }
  }
  if (spec.activation == Activation::kSigmoid && !weighting.empty()) vectors += 4;
  const bool by_float = spec.label_smoothing != 0 || std::holds_alternative<Targets>(batch.labels);
  if (by_float && !weighting.empty()) vectors += 1;  // as floats
  if (!std::holds_alternative<std::monostate>(spec.logit_adjustment)) {
    vectors += 3;  // the counts and what follows from them, as floats and scaled
    work.operations += kClassConstant * shape.classes;
  }
  work.operations += vectors * shape.entries;
  work.bytes += kBytesOfNumber * vectors * shape.entries;
  return work;
}

// Returns the bytes of the doubles that a few rows of floats, and what is wanted of them, are
// copied to.
double BytesOfWidened(const Batch& batch, const LossSpec& spec, const Shape& shape,
                      const PerOutput<bool>& wanted) {
  double matrices = 1;
  for (const OutputRow& row : kOutputTable) {
    const bool is_matrix = row.extent == OutputExtent::kLogits;
    if (wanted[row.output] && is_matrix && row.source == OutputSource::kKernels) matrices += 1;
  }
  const auto workspace =
      static_cast<double>(kernels::ShapedWorkspaceSize(batch.classes, spec.softcap));
  return kBytesOfNumber * (workspace + matrices * std::max(shape.classes, kWidenedLogits));
}

// Returns what a thread works in for rows of softmax that are not plain.
double BytesOfOtherRows(const Batch& batch, const LossSpec& spec, const Shape& shape,
                        const PerOutput<bool>& wanted) {
  const double arrays = kDenseArrays + (HasTeacher(batch) ? kTeacherArrays : 0);
  const double dense = arrays * kBytesOfNumber * shape.classes;
  if (!std::holds_alternative<Targets>(batch.labels)) {
    if (!Widens(spec, shape)) return dense;
    const double widened = BytesOfWidened(batch, spec, shape, wanted);
    return IsPlain(batch, spec) ? widened : std::max(dense, widened);
  }
  if (shape.element != sizeof(float) || HasTeacher(batch)) return dense;
  // The kernel's, and a row of logits that is left to the dense one.
  return dense + shape.element * (shape.classes +
                                  static_cast<double>(kernels::TargetWorkspaceSize(batch.classes)));
}

// Returns what each thread works in, for as many as there are.
double BytesOfScratch(const Batch& batch, const LossSpec& spec, const Shape& shape,
                      const PerOutput<bool>& wanted, int thread_count) {
  if (batch.rows == 0) return 0;
  const double threads = std::min<double>(thread_count, shape.rows);
  double of_one = shape.element *
                  static_cast<double>(kernels::ShapedWorkspaceSize(batch.classes, spec.softcap));
  if (spec.activation == Activation::kSoftmax && (!IsPlain(batch, spec) || Widens(spec, shape))) {
    of_one = std::max(of_one, BytesOfOtherRows(batch, spec, shape, wanted));
  }
  // Rows that do not lie in the kernels' order, and their results, are copied.
  if (batch.inner > 1) of_one += 4 * shape.element * std::max(shape.classes, 65536.0);
  if (ReadsRollout(batch, spec)) {
    // The gradient of its inner loss, beside the Hessian.
    of_one += shape.element * std::max(4 * shape.classes, 262144.0);
    if (shape.element == sizeof(float)) of_one += kPolicyArrays * shape.element * shape.classes;
  }
  return threads * of_one;
}

// Returns true when a sigmoid's elements are computed in float, whatever their labels are.
bool IsInFloat(const Shape& shape, const LossSpec& spec) {
  return spec.activation == Activation::kSigmoid && shape.element == sizeof(float) &&
         spec.softcap == 0 && (spec.temperature == 0 || spec.temperature == 1) &&
         std::holds_alternative<std::monostate>(spec.logit_adjustment);
}

// Returns what computing every row once takes.
Work WorkOfRows(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                const Shape& shape) {
  Work work;
  const bool fast = IsFast(batch, spec) || IsInFloat(shape, spec);
  double of_logit = fast ? kFastLogit : kDenseLogit;
  if (HasTeacher(batch)) of_logit += kTeacherLogit;
  if (spec.activation == Activation::kLogProbability) of_logit = kToken;
  if (ReadsRollout(batch, spec)) {
    work.operations += kPolicyToken * shape.samples;
    // Its inner loss is computed for u and again for the gradient and the Hessian; and once before
    // for whole sequences.
    if (spec.activation != Activation::kLogProbability) of_logit *= 4;
  }
  if (options.vanishing && !spec.class_weighting.empty()) of_logit *= 2;
  work.operations += of_logit * shape.logits();
  return work;
}

Work WorkOfMining(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                  const Shape& shape) {
  Work work = WorkOfRows(batch, spec, options, shape);
  work.operations += kMinedSample * shape.samples;
  work.bytes += (kBytesOfMined + kBytesOfRecord + shape.element) * shape.samples;
  return work;
}

Work WorkOfStatistics(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                      const Shape& shape) {
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
                     const Shape& shape) {
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
Work WorkOfRollout(const Batch& batch, const LossSpec& spec, const Shape& shape) {
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
Work WorkOfSequenceMean(const Batch& batch, const Shape& shape) {
  const auto sequences = static_cast<double>(batch.sequences.count());
  const bool differ = !batch.sequences.ends.empty();
  return {2 * kReadLogit * (shape.samples + sequences),
          2 * kBytesOfNumber * sequences +
              (shape.element + (differ ? kBytesOfNumber : 0)) * shape.samples};
}

Work WorkOfTopK(const ComputeOptions& options, const Shape& shape) {
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
  const Shape shape(batch, spec);
  if (options.class_columns == ClassColumns::kAll) return shape.entries;
  return std::min(shape.entries, shape.samples);
}

Work WorkOfCompute(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                   const PerOutput<bool>& wanted, int thread_count) {
  const Shape shape(batch, spec);
  Work work = WorkOfClasses(batch, spec, shape);
  work += WorkOfRows(batch, spec, options, shape);
  for (const OutputRow& row : kOutputTable) {
    if (wanted[row.output]) work.operations += kReadLogit * shape.logits();
  }
  work.bytes += BytesOfScratch(batch, spec, shape, wanted, thread_count);
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
  const Shape shape(batch, spec);
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
    const Shape shape(batch, spec);
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
