#include "server/rpc/decode/compute_request_decoder.h"

#include <optional>
#include <utility>

#include "absl/types/span.h"
#include "server/loss/cancelled_call.h"
#include "server/rpc/decode/activation_decoder.h"
#include "server/rpc/decode/label_rules.h"
#include "server/rpc/decode/loss_spec_decoder.h"
#include "server/rpc/decode/policy/rollout_decoder.h"
#include "server/rpc/decode/policy/sequence_decoder.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/decode/reduction_decoder.h"
#include "server/rpc/decode/teacher_decoder.h"
#include "server/rpc/decode/unbuilt_options.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/tensor/response_size.h"

namespace lossd::rpc {
namespace {

absl::Status CheckBuilt(const v1::ComputeRequest& request) {
  const FieldPath root;
  UnbuiltOptions unbuilt;
  unbuilt.AddFrom(request.loss(), root["loss"]);
  unbuilt.AddUnknownFields(request.outputs(), root["outputs"]);
  return unbuilt.ToStatus();
}

void DecodeNormalizer(const v1::ComputeRequest& request, const Field& field,
                      loss::ComputeOptions& options) {
  if (!request.has_normalizer()) return;
  options.normalizer = request.normalizer();
  CheckRange(request.normalizer(), Range::AtLeast(0), field);
  if (options.reduction != loss::Reduction::kMean &&
      options.reduction != loss::Reduction::kMeanValid &&
      options.reduction != loss::Reduction::kSequenceMean) {
    field.Refuse(
        "acts with REDUCTION_MEAN, REDUCTION_MEAN_VALID and REDUCTION_SEQUENCE_MEAN only, but the "
        "reduction is ",
        v1::Reduction_Name(request.reduction()));
  }
}

void CheckUpstreamActs(const v1::ComputeRequest& request, loss::Reduction reduction,
                       const Field& field) {
  if (!request.has_upstream_gradient() || reduction == loss::Reduction::kNone) return;
  field.Refuse("acts with REDUCTION_NONE only, but the reduction is ",
               v1::Reduction_Name(request.reduction()));
}

void CheckPolicyStatistics(const v1::ComputeRequest& request, const BatchFields& fields,
                           const Field& field) {
  if (!request.outputs().policy_statistics()) return;
  if (fields.rollout.old_log_probs || fields.rollout.reference_log_probs) return;
  field.Refuse("needs rollout.old_log_probs or rollout.reference_log_probs");
}

// Writes what depends on the activation to `call`. `logits` is null when they are at fault.
void DecodeLoss(const v1::ComputeRequest& request, const BatchFields& fields,
                const DecodedLogits* logits, loss::Activation activation, BufferPool& pool,
                const Field& field, ComputeCall& call) {
  const LogitsLayout* layout = logits == nullptr ? nullptr : &logits->layout;
  call.spec = DecodeLossSpec(request.loss(), activation, layout, field["loss"]);
  DecodeOutputOptions(request.outputs(), activation, field["outputs"], call.options);
  const auto specs = absl::MakeConstSpan(&call.spec, 1);
  CheckPolicyStatistics(request, fields, field["outputs"]["policy_statistics"]);
  CheckRolloutIsRead(
      specs, fields.rollout,
      request.outputs().policy_statistics() ? StatisticsReader::kAnswer : StatisticsReader::kNobody,
      field["rollout"]);
  if (layout == nullptr) {
    CheckRolloutNeeds(call.spec, fields.rollout, nullptr, field["loss"], field);
    if (!call.spec.teacher.empty()) CheckTeacherActs(call.spec, fields, nullptr, field["loss"]);
    return CheckSampleTensors(fields, field);
  }

  auto samples = DecodeSamples(fields, *layout, activation, pool, field);
  call.run =
      DecodeRun(request, fields, *layout, activation, samples ? &samples->labels : nullptr, field);
  CheckRolloutNeeds(call.spec, fields.rollout, samples ? &samples->labels : nullptr, field["loss"],
                    field);
  if (!call.spec.teacher.empty()) {
    CheckTeacherActs(call.spec, fields, samples ? &samples->labels : nullptr, field["loss"]);
  }
  if (!samples) return;
  samples->sequences = DecodeSequences(
      fields.sequence_lengths, *layout, activation,
      FindSequenceReader(fields, *layout, specs, activation, call.options.reduction), field);
  DecodeRollout(fields.rollout, *layout, activation, pool, field["rollout"], *samples);
  const Weightless weightless = FindWeightless(*samples, *layout, activation);
  const std::optional<int64_t> ignore_index = call.spec.ignore_index;
  CheckUpstreamGradient(*samples, *layout, activation, ignore_index, field["upstream_gradient"]);
  CheckRolloutValues(*samples, *layout, activation, ignore_index, field["rollout"]);
  CheckLabelRange(samples->labels, *layout, activation, ignore_index, weightless,
                  field[NameOf(samples->labels)]);
  CheckLabelRules(call.spec, samples->labels, *layout, weightless, field, field["loss"]);
  call.samples = *std::move(samples);
}

// Returns the divisor of the mean that `options` ask for.
double OwnDivisor(const loss::ComputeOptions& options, const loss::Result& result) {
  switch (options.reduction) {
    case loss::Reduction::kMean:
      return result.weight_sum;
    case loss::Reduction::kSequenceMean:
      return static_cast<double>(result.sequence_count.value_or(0));
    default:
      return static_cast<double>(result.valid_count);
  }
}

absl::Status CheckRolloutRead(const ComputeCall& call, const Cancellation& cancellation) {
  if (call.samples.rollout.all_finite()) return absl::OkStatus();
  FieldViolations violations;
  const Field field(violations, cancellation);
  CheckRolloutValues(call.samples, call.logits.layout, call.spec.activation, call.spec.ignore_index,
                     field["rollout"]);
  if (cancellation.seen()) return loss::CancelledCall();
  return violations.ToStatus();
}

absl::Status CheckNormalizer(const loss::ComputeOptions& options, const loss::Result& result) {
  if (options.normalizer != 0 || OwnDivisor(options, result) == 0) return absl::OkStatus();
  FieldViolations violations;
  Field(violations)["normalizer"].Refuse(
      "= 0, expected a number > 0 for a batch whose own divisor is ",
      NumberText(OwnDivisor(options, result)));
  return violations.ToStatus();
}

// Writes what `request` asks for to `call`, which is incomplete after an error.
absl::Status Decode(const v1::ComputeRequest& request, const wire::TensorPayloads& payloads,
                    RolloutStorage storage, BufferPool& pool, int64_t max_message_bytes,
                    const Cancellation& cancellation, ComputeCall& call) {
  if (absl::Status built = CheckBuilt(request); !built.ok()) return built;

  FieldViolations violations;
  const Field field(violations, cancellation);
  BatchFields fields = FieldsOf(request, payloads);
  fields.rollout.storage = storage;
  if (TakesLogProbabilities(request.loss())) fields.axes = LogitAxes::kSamples;
  auto logits = DecodeLogits(fields, LogitStorage::kInRequest, pool, field);
  if (logits) {
    absl::Status fits = CheckClassesFitMessage(logits->layout, max_message_bytes);
    if (!fits.ok()) return fits;
  }
  const auto activation = DecodeActivation(request.loss(), field["loss"]);
  // What is wrong with it is told after what is wrong with the loss.
  FieldViolations untold;
  call.options.reduction = DecodeReduction(request.reduction(), Field(untold)["reduction"]);
  if (activation) {
    DecodeLoss(request, fields, logits ? &*logits : nullptr, *activation, pool, field, call);
  }
  DecodeReduction(request.reduction(), field["reduction"]);
  DecodeNormalizer(request, field["normalizer"], call.options);
  CheckUpstreamActs(request, call.options.reduction, field["upstream_gradient"]);
  if (cancellation.seen()) return loss::CancelledCall();
  if (!violations.empty()) return violations.ToStatus();

  call.logits = *std::move(logits);
  call.outputs = SelectOutputs(request.outputs(), call.logits.style);
  if (call.outputs.gradient_type == v1::DATA_TYPE_UNSPECIFIED) {
    call.outputs.gradient_type = call.logits.type;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ComputeCall> DecodeComputeRequest(const v1::ComputeRequest& request,
                                                 const wire::TensorPayloads& payloads,
                                                 BufferPool& pool, int64_t max_message_bytes,
                                                 const Cancellation& cancellation) {
  // Made where it is returned: a call has many members to move.
  absl::StatusOr<ComputeCall> call(absl::in_place);
  const auto decode = [&](RolloutStorage storage) {
    return Decode(request, payloads, storage, pool, max_message_bytes, cancellation, *call);
  };
  absl::Status status = decode(RolloutStorage::kInRequest);
  if (absl::IsInvalidArgument(status) && call->samples.rollout.any_in_request()) {
    // All faults are told at once, those among the values of the columns too.
    call.emplace();
    status = decode(RolloutStorage::kCopied);
  }
  if (!status.ok()) call = std::move(status);
  return call;
}

absl::Status CheckComputed(const ComputeCall& call, const loss::Result& result,
                           const Cancellation& cancellation) {
  absl::Status checked = CheckRolloutRead(call, cancellation);
  return checked.ok() ? CheckNormalizer(call.options, result) : checked;
}

}  // namespace lossd::rpc
