#include "server/rpc/decode/compute_request_decoder.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/decode/label_rules.h"
#include "server/rpc/decode/loss_spec_decoder.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/decode/reduction_decoder.h"
#include "server/rpc/decode/unbuilt_options.h"
#include "server/rpc/tensor/response_size.h"

namespace lossd::rpc {
namespace {

absl::Status CheckBuilt(const v1::ComputeRequest& request) {
  UnbuiltOptions unbuilt;
  unbuilt.AddFrom(request.loss(), "loss");
  unbuilt.AddUnknownFields(request.outputs(), "outputs");
  if (!request.run().empty()) unbuilt.Add("run");
  if (request.has_sample_ids()) unbuilt.Add("sample_ids");
  if (!request.request_id().empty()) unbuilt.Add("request_id");
  if (request.step() != 0) unbuilt.Add("step");
  return unbuilt.ToStatus();
}

void DecodeNormalizer(const v1::ComputeRequest& request, loss::ComputeOptions& options,
                      FieldViolations& violations) {
  if (!request.has_normalizer()) return;
  options.normalizer = request.normalizer();
  CheckRange(request.normalizer(), Range::Above(0), "normalizer", violations);
  if (options.reduction != loss::Reduction::kMean &&
      options.reduction != loss::Reduction::kMeanValid) {
    violations.Add("normalizer", absl::StrCat("acts with REDUCTION_MEAN and ",
                                              "REDUCTION_MEAN_VALID only, but the reduction is ",
                                              v1::Reduction_Name(request.reduction())));
  }
}

void CheckUpstreamActs(const v1::ComputeRequest& request, loss::Reduction reduction,
                       FieldViolations& violations) {
  if (!request.has_upstream_gradient() || reduction == loss::Reduction::kNone) return;
  violations.Add("upstream_gradient",
                 absl::StrCat("acts with REDUCTION_NONE only, but the reduction is ",
                              v1::Reduction_Name(request.reduction())));
}

// What depends on the activation. `logits` is null when they were at fault.
void DecodeLoss(const v1::ComputeRequest& request, const BatchFields& fields,
                const DecodedLogits* logits, loss::Activation activation, BufferPool& pool,
                ComputeCall& call, FieldViolations& violations) {
  const LogitsLayout* layout = logits == nullptr ? nullptr : &logits->layout;
  call.spec = DecodeLossSpec(request.loss(), "loss", activation, layout, violations);
  DecodeOutputOptions(request.outputs(), activation, call.options, violations);
  if (layout == nullptr) return CheckSampleTensors(fields, violations);

  auto samples = DecodeSamples(fields, *layout, activation, pool, violations);
  if (!samples) return;
  CheckClassRange(samples->labels, *layout, activation, call.spec.ignore_index, violations);
  CheckLabelRules(call.spec, "loss", samples->labels, *layout, violations);
  call.samples = *std::move(samples);
}

}  // namespace

absl::StatusOr<ComputeCall> DecodeComputeRequest(const v1::ComputeRequest& request,
                                                 const TensorPayloads& payloads, BufferPool& pool,
                                                 int64_t max_message_bytes) {
  if (absl::Status built = CheckBuilt(request); !built.ok()) return built;

  FieldViolations violations;
  ComputeCall call;
  const BatchFields fields = FieldsOf(request, payloads);
  auto logits = DecodeLogits(fields, LogitStorage::kInRequest, pool, violations);
  if (logits) {
    absl::Status fits = CheckClassesFitMessage(logits->layout, max_message_bytes);
    if (!fits.ok()) return fits;
  }
  const auto activation = DecodeActivation(request.loss(), "loss", violations);
  if (activation) {
    DecodeLoss(request, fields, logits ? &*logits : nullptr, *activation, pool, call, violations);
  }
  call.options.reduction = DecodeReduction(request.reduction(), violations);
  DecodeNormalizer(request, call.options, violations);
  CheckUpstreamActs(request, call.options.reduction, violations);
  if (!violations.empty()) return violations.ToStatus();

  call.logits = *std::move(logits);
  call.outputs = SelectOutputs(request.outputs());
  if (call.outputs.gradient_type == v1::DATA_TYPE_UNSPECIFIED) {
    call.outputs.gradient_type = call.logits.type;
  }
  return call;
}

}  // namespace lossd::rpc
