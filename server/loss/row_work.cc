#include "server/loss/row_work.h"

#include <algorithm>
#include <variant>

#include "server/kernels/form_kernels.h"
#include "server/kernels/workspace.h"

namespace lossd::loss {
namespace {

// Nanoseconds for a number of its kind, on the slow side.
constexpr double kFastLogit = 2;     // a kernel in the logits' own type
constexpr double kDenseLogit = 20;   // a dense kernel, in double
constexpr double kToken = 10;        // a log-probability of its own
constexpr double kPolicyToken = 20;  // beside a rollout
constexpr double kClassConstant = 30;

// A block of dense rows: one row each of so many arrays.
constexpr double kDenseArrays = 12;
constexpr double kTeacherArrays = 3;
// The outputs of a row of floats with a rollout that is computed in double, and its logits.
constexpr double kPolicyArrays = 7;

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
  const bool smooths = spec.label_smoothing == 0 || KernelsOf(*spec.form).smooths_hard_labels;
  return smooths && std::holds_alternative<ClassIds>(batch.labels);
}

// Returns what a thread works in for rows of softmax that are not plain.
double BytesOfOtherRows(const Batch& batch, const WorkShape& shape) {
  const double arrays = kDenseArrays + (HasTeacher(batch) ? kTeacherArrays : 0);
  const double dense = arrays * kBytesOfNumber * shape.classes;
  if (!std::holds_alternative<Targets>(batch.labels)) return dense;
  if (shape.element != sizeof(float) || HasTeacher(batch)) return dense;
  // The kernel's, and a row of logits that is left to the dense one.
  return dense + shape.element * (shape.classes +
                                  static_cast<double>(kernels::TargetWorkspaceSize(batch.classes)));
}

// Returns true when a sigmoid's elements are computed in float, whatever their labels are.
bool IsInFloat(const WorkShape& shape, const LossSpec& spec) {
  return spec.activation == Activation::kSigmoid && shape.element == sizeof(float) &&
         spec.softcap == 0 && (spec.temperature == 0 || spec.temperature == 1) &&
         std::holds_alternative<std::monostate>(spec.logit_adjustment);
}

}  // namespace

bool HasTeacher(const Batch& batch) {
  const auto* targets = std::get_if<Targets>(&batch.labels);
  return targets != nullptr && targets->kind == TargetKind::kTeacherLogits;
}

Work WorkOfClasses(const Batch& batch, const LossSpec& spec, const WorkShape& shape) {
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

double BytesOfScratch(const Batch& batch, const LossSpec& spec, const WorkShape& shape,
                      int thread_count) {
  if (batch.rows == 0) return 0;
  const double threads = std::min<double>(thread_count, shape.rows);
  double of_one = shape.element *
                  static_cast<double>(kernels::ShapedWorkspaceSize(batch.classes, spec.softcap));
  if (spec.activation == Activation::kSoftmax && !IsPlain(batch, spec)) {
    of_one = std::max(of_one, BytesOfOtherRows(batch, shape));
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

Work WorkOfRows(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                const WorkShape& shape) {
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

}  // namespace lossd::loss
