#include "server/rpc/decode/compare_request_decoder.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/decode/label_rules.h"
#include "server/rpc/decode/loss_spec_decoder.h"
#include "server/rpc/decode/output_options_decoder.h"
#include "server/rpc/decode/reduction_decoder.h"
#include "server/rpc/decode/unbuilt_options.h"
#include "server/rpc/tensor/response_size.h"

namespace lossd::rpc {
namespace {

constexpr int kMaxLosses = 32;

std::string PathOfLoss(int i) { return absl::StrCat("losses[", i, "]"); }

absl::Status CheckBuilt(const v1::CompareRequest& request) {
  UnbuiltOptions unbuilt;
  for (int i = 0; i < request.losses_size(); ++i) {
    unbuilt.AddFrom(request.losses(i), PathOfLoss(i));
  }
  return unbuilt.ToStatus();
}

void CheckLossCount(const v1::CompareRequest& request, FieldViolations& violations) {
  if (request.losses_size() >= 1 && request.losses_size() <= kMaxLosses) return;
  violations.Add("losses", absl::StrCat("has ", request.losses_size(), " entries, expected 1 to ",
                                        kMaxLosses));
}

// `layout` is null when the logits were at fault.
void DecodeSpecs(const v1::CompareRequest& request, const LogitsLayout* layout, CompareCall& call,
                 FieldViolations& violations) {
  for (int i = 0; i < request.losses_size(); ++i) {
    const auto activation = DecodeActivation(request.losses(i), PathOfLoss(i), violations);
    if (!activation) continue;
    call.specs.push_back(
        DecodeLossSpec(request.losses(i), PathOfLoss(i), *activation, layout, violations));
  }
}

// Decodes the samples once for every activation that occurs.
void DecodeSamplesOfSpecs(const BatchFields& fields, const LogitsLayout& layout, BufferPool& pool,
                          CompareCall& call, FieldViolations& violations) {
  std::set<loss::Activation> seen;
  for (const loss::LossSpec& spec : call.specs) {
    if (!seen.insert(spec.activation).second) continue;
    auto samples = DecodeSamples(fields, layout, spec.activation, pool, violations);
    if (samples) call.samples.emplace(spec.activation, *std::move(samples));
  }
}

// Labels are held against each distinct way of reading them once.
void CheckLabelsOfSpecs(const LogitsLayout& layout, const CompareCall& call,
                        FieldViolations& violations) {
  std::set<std::pair<loss::Activation, std::optional<int64_t>>> checked;
  for (size_t i = 0; i < call.specs.size(); ++i) {
    const loss::LossSpec& spec = call.specs[i];
    const auto samples = call.samples.find(spec.activation);
    if (samples == call.samples.end()) continue;
    const OwnedLabels& labels = samples->second.labels;
    CheckLabelRules(spec, PathOfLoss(static_cast<int>(i)), labels, layout, violations);
    if (checked.emplace(spec.activation, spec.ignore_index).second) {
      CheckClassRange(labels, layout, spec.activation, spec.ignore_index, violations);
    }
  }
}

void DecodeOptions(const v1::CompareRequest& request, loss::ComputeOptions& options,
                   FieldViolations& violations) {
  options.reduction = DecodeReduction(request.reduction(), violations);
  options.class_statistics = !request.omit_class_statistics();
  options.difficulty = !request.omit_difficulty();
  options.vanishing = true;
  if (request.has_hard_threshold()) {
    options.hard_threshold = request.hard_threshold();
    CheckRange(options.hard_threshold, kHardThresholdRange, "hard_threshold", violations);
  }
}

}  // namespace

absl::StatusOr<CompareCall> DecodeCompareRequest(const v1::CompareRequest& request,
                                                 const TensorPayloads& payloads, BufferPool& pool,
                                                 int64_t max_message_bytes) {
  if (absl::Status built = CheckBuilt(request); !built.ok()) return built;

  FieldViolations violations;
  CompareCall call;
  const BatchFields fields = FieldsOf(request, payloads);
  CheckLossCount(request, violations);
  DecodeOptions(request, call.options, violations);
  auto logits = DecodeLogits(fields, LogitStorage::kCopied, pool, violations);
  if (logits) {
    absl::Status fits = CheckClassesFitMessage(logits->layout, max_message_bytes);
    if (!fits.ok()) return fits;
  }
  DecodeSpecs(request, logits ? &logits->layout : nullptr, call, violations);
  if (logits) {
    DecodeSamplesOfSpecs(fields, logits->layout, pool, call, violations);
    if (static_cast<int>(call.specs.size()) == request.losses_size()) {
      CheckLabelsOfSpecs(logits->layout, call, violations);
    }
  } else {
    CheckSampleTensors(fields, violations);
  }
  if (!violations.empty()) return violations.ToStatus();

  call.logits = *std::move(logits);
  return call;
}

}  // namespace lossd::rpc
