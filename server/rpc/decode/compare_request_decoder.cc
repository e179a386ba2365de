#include "server/rpc/decode/compare_request_decoder.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "server/loss/cancelled_call.h"
#include "server/rpc/decode/activation_decoder.h"
#include "server/rpc/decode/label_rules.h"
#include "server/rpc/decode/loss_spec_decoder.h"
#include "server/rpc/decode/output_options_decoder.h"
#include "server/rpc/decode/policy/rollout_decoder.h"
#include "server/rpc/decode/policy/sequence_decoder.h"
#include "server/rpc/decode/reduction_decoder.h"
#include "server/rpc/decode/teacher_decoder.h"
#include "server/rpc/decode/unbuilt_options.h"
#include "server/rpc/tensor/response_size.h"

namespace lossd::rpc {
namespace {

constexpr int kMaxLosses = 32;

absl::Status CheckBuilt(const v1::CompareRequest& request) {
  UnbuiltOptions unbuilt;
  for (int i = 0; i < request.losses_size(); ++i) {
    unbuilt.AddFrom(request.losses(i), FieldPath()["losses"][i]);
  }
  return unbuilt.ToStatus();
}

void CheckLossCount(const v1::CompareRequest& request, const Field& field) {
  if (request.losses_size() >= 1 && request.losses_size() <= kMaxLosses) return;
  field.Refuse("has ", request.losses_size(), " entries, expected 1 to ", kMaxLosses);
}

// Decodes the losses but for those whose activation is unknown. `layout` is null when the logits
// are at fault.
void DecodeSpecs(const v1::CompareRequest& request, const LogitsLayout* layout, const Field& field,
                 CompareCall& call) {
  // More are refused, however many there are.
  const int losses = std::min(request.losses_size(), kMaxLosses);
  for (int i = 0; i < losses; ++i) {
    const Field loss_field = field[i];
    const auto activation = DecodeActivation(request.losses(i), loss_field);
    if (!activation) continue;
    call.specs.push_back(DecodeLossSpec(request.losses(i), *activation, layout, loss_field));
  }
}

// Returns whether the losses take log-probabilities: all of them, or none.
bool TakeLogProbabilities(const v1::CompareRequest& request, const Field& field) {
  const bool first = request.losses_size() > 0 && TakesLogProbabilities(request.losses(0));
  const int losses = std::min(request.losses_size(), kMaxLosses);
  for (int i = 1; i < losses; ++i) {
    if (TakesLogProbabilities(request.losses(i)) == first) continue;
    field[i]["activation"].Refuse("reads the logits as ", first ? "logits" : "log-probabilities",
                                  ", expected what losses[0] reads them as, ",
                                  first ? "log-probabilities" : "logits");
  }
  return first;
}

// Decodes the samples once for every activation that occurs.
void DecodeSamplesOfSpecs(const BatchFields& fields, const LogitsLayout& layout, BufferPool& pool,
                          const Field& request, CompareCall& call) {
  std::set<loss::Activation> seen;
  for (const loss::LossSpec& spec : call.specs) {
    if (!seen.insert(spec.activation).second) continue;
    auto samples = DecodeSamples(fields, layout, spec.activation, pool, request);
    if (!samples) continue;
    samples->sequences = DecodeSequences(
        fields.sequence_lengths, layout, spec.activation,
        FindSequenceReader(fields, layout, call.specs, spec.activation, call.options.reduction),
        request);
    DecodeRollout(fields.rollout, layout, spec.activation, pool, request["rollout"], *samples);
    call.samples.emplace(spec.activation, *std::move(samples));
  }
}

// Checks the labels once for each distinct way of reading them.
void CheckLabelsOfSpecs(const LogitsLayout& layout, const CompareCall& call, const Field& request) {
  std::set<std::pair<loss::Activation, std::optional<int64_t>>> checked;
  const Field losses = request["losses"];
  for (size_t i = 0; i < call.specs.size(); ++i) {
    const loss::LossSpec& spec = call.specs[i];
    const auto samples = call.samples.find(spec.activation);
    if (samples == call.samples.end()) continue;
    const OwnedLabels& labels = samples->second.labels;
    const Weightless weightless = FindWeightless(samples->second, layout, spec.activation);
    const Field loss_field = losses[static_cast<int64_t>(i)];
    CheckLabelRules(spec, labels, layout, weightless, request, loss_field);
    const bool integers = !std::holds_alternative<OwnedTargets>(labels);
    const auto ignore_index = integers ? spec.ignore_index : std::nullopt;
    if (!checked.emplace(spec.activation, ignore_index).second) continue;
    CheckRolloutValues(samples->second, layout, spec.activation, ignore_index, request["rollout"]);
    CheckLabelRange(labels, layout, spec.activation, ignore_index, weightless,
                    request[NameOf(labels)]);
  }
}

// Checks what each loss needs of the rollout and of a teacher, and that each part of the rollout is
// read.
void CheckRollout(const BatchFields& fields, const CompareCall& call, const Field& request) {
  const Field losses = request["losses"];
  for (size_t i = 0; i < call.specs.size(); ++i) {
    const loss::LossSpec& spec = call.specs[i];
    const auto samples = call.samples.find(spec.activation);
    const OwnedLabels* labels = samples == call.samples.end() ? nullptr : &samples->second.labels;
    const Field loss_field = losses[static_cast<int64_t>(i)];
    CheckRolloutNeeds(spec, fields.rollout, labels, loss_field, request);
    CheckTeacherActs(spec, fields, labels, loss_field);
  }
  CheckRolloutIsRead(call.specs, fields.rollout, StatisticsReader::kAnswer, request["rollout"]);
}

void DecodeOptions(const v1::CompareRequest& request, const Field& field,
                   loss::ComputeOptions& options) {
  options.reduction = DecodeReduction(request.reduction(), field["reduction"]);
  options.class_statistics = !request.omit_class_statistics();
  options.difficulty = !request.omit_difficulty();
  if (request.present_classes_only()) options.class_columns = loss::ClassColumns::kPresentOnly;
  options.vanishing = true;
  if (request.has_hard_threshold()) {
    options.hard_threshold = request.hard_threshold();
    CheckRange(options.hard_threshold, kHardThresholdRange, field["hard_threshold"]);
  }
}

}  // namespace

absl::StatusOr<CompareCall> DecodeCompareRequest(const v1::CompareRequest& request,
                                                 const wire::TensorPayloads& payloads,
                                                 BufferPool& pool, int64_t max_message_bytes,
                                                 const Cancellation& cancellation) {
  if (absl::Status built = CheckBuilt(request); !built.ok()) return built;

  FieldViolations violations;
  const Field field(violations, cancellation);
  CompareCall call;
  BatchFields fields = FieldsOf(request, payloads);
  CheckLossCount(request, field["losses"]);
  DecodeOptions(request, field, call.options);
  if (TakeLogProbabilities(request, field["losses"])) {
    fields.axes = LogitAxes::kSamples;
    call.options.class_statistics = false;
  }
  auto logits = DecodeLogits(fields, LogitStorage::kCopied, pool, field);
  if (logits) {
    absl::Status fits = CheckClassesFitMessage(logits->layout, max_message_bytes);
    if (!fits.ok()) return fits;
  }
  DecodeSpecs(request, logits ? &logits->layout : nullptr, field["losses"], call);
  if (logits) {
    DecodeSamplesOfSpecs(fields, logits->layout, pool, field, call);
    if (static_cast<int>(call.specs.size()) == request.losses_size()) {
      CheckLabelsOfSpecs(logits->layout, call, field);
    }
  } else {
    CheckSampleTensors(fields, field);
  }
  if (static_cast<int>(call.specs.size()) == request.losses_size()) {
    CheckRollout(fields, call, field);
  }
  call.options.policy_statistics =
      fields.rollout.old_log_probs || fields.rollout.reference_log_probs;
  if (cancellation.seen()) return loss::CancelledCall();
  if (!violations.empty()) return violations.ToStatus();

  call.logits = *std::move(logits);
  return call;
}

}  // namespace lossd::rpc
