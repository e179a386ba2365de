#include "client/src/convert/request_encoding.h"

#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "client/src/convert/loss_spec_encoding.h"
#include "client/src/convert/outputs.h"
#include "client/src/convert/recording_encoding.h"
#include "client/src/status.h"
#include "client/src/wire/tensor_codec.h"
#include "lossd/v1/class_weights.pb.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "lossd/v1/information.pb.h"
#include "lossd/v1/rollout.pb.h"

namespace lossd::client {
namespace {

// OutputOptions's default for `gradient_scale`.
constexpr double kNoScale = 1.0;

v1::Reduction Encode(Reduction reduction) {
  switch (reduction) {
    case Reduction::kNone:
      return v1::REDUCTION_NONE;
    case Reduction::kSum:
      return v1::REDUCTION_SUM;
    case Reduction::kMean:
      return v1::REDUCTION_MEAN;
    case Reduction::kMeanValid:
      return v1::REDUCTION_MEAN_VALID;
    case Reduction::kSequenceMean:
      return v1::REDUCTION_SEQUENCE_MEAN;
  }
  return v1::REDUCTION_UNSPECIFIED;
}

v1::InformationBase Encode(InformationBase base) {
  switch (base) {
    case InformationBase::kNat:
      return v1::INFORMATION_BASE_NAT;
    case InformationBase::kBit:
      return v1::INFORMATION_BASE_BIT;
    case InformationBase::kHartley:
      return v1::INFORMATION_BASE_HARTLEY;
  }
  return v1::INFORMATION_BASE_UNSPECIFIED;
}

// Appends the field `number` of the request. Refuses it by its name.
template <typename T>
absl::Status AppendArray(absl::string_view name, int number, const ArrayView<T>& array,
                         MessagePieces& request) {
  const absl::StatusOr<v1::Tensor> head = EncodeHead(name, array);
  if (!head.ok()) return head.status();
  request.AppendTensor(number, *head, ElementBytes(array));
  return absl::OkStatus();
}

absl::Status AppendLabels(int number, const Labels& labels, MessagePieces& request) {
  const auto append = [&](const auto& array) -> absl::Status {
    if constexpr (std::is_same_v<decltype(array), const std::monostate&>) {
      return absl::OkStatus();
    } else {
      return AppendArray("labels", number, array, request);
    }
  };
  return std::visit(append, labels);
}

// Appends nothing when there is no array.
absl::Status AppendReals(absl::string_view name, int number, const OptionalReals& reals,
                         MessagePieces& request) {
  if (const auto* floats = std::get_if<ArrayView<float>>(&reals)) {
    return AppendArray(name, number, *floats, request);
  }
  if (const auto* doubles = std::get_if<ArrayView<double>>(&reals)) {
    return AppendArray(name, number, *doubles, request);
  }
  return absl::OkStatus();
}

absl::Status AppendSampleIds(const std::optional<Recording>& recording, MessagePieces& request) {
  if (!recording) return absl::OkStatus();
  return AppendArray("sample_ids", v1::ComputeRequest::kSampleIdsFieldNumber, recording->sample_ids,
                     request);
}

// Appends nothing when the rollout has no arrays.
absl::Status AppendRollout(int number, const Rollout& rollout, MessagePieces& request) {
  using Message = v1::Rollout;
  MessagePieces arrays;
  absl::Status status = AppendReals("rollout.advantages", Message::kAdvantagesFieldNumber,
                                    rollout.advantages, arrays);
  status.Update(AppendReals("rollout.old_log_probs", Message::kOldLogProbsFieldNumber,
                            rollout.old_log_probs, arrays));
  status.Update(AppendReals("rollout.reference_log_probs", Message::kReferenceLogProbsFieldNumber,
                            rollout.reference_log_probs, arrays));
  status.Update(AppendReals("rollout.sampler_log_probs", Message::kSamplerLogProbsFieldNumber,
                            rollout.sampler_log_probs, arrays));
  if (arrays.size() > 0) request.AppendMessage(number, arrays);
  return status;
}

absl::Status AppendLengths(int number, const SequenceLengths& lengths, MessagePieces& request) {
  return lengths ? AppendArray("sequence_lengths", number, *lengths, request) : absl::OkStatus();
}

v1::OutputOptions Encode(const OutputOptions& outputs) {
  v1::OutputOptions message;
  for (const auto& output : kOutputs<float>) {
    const bool asked = outputs.*output.asked;
    (message.*output.set_flag)(output.flag == Flag::kSend ? asked : !asked);
  }
  message.set_class_statistics(outputs.class_statistics);
  message.set_difficulty(outputs.difficulty);
  message.set_policy_statistics(outputs.policy_statistics);
  message.set_omit_class_weights(!outputs.class_weights);
  // Unset is false for data, which a server that does not know the field takes too.
  if (outputs.applied) message.set_applied(true);
  message.set_present_classes_only(outputs.present_classes_only);
  message.mutable_top_k()->Add(outputs.top_k.begin(), outputs.top_k.end());
  if (outputs.hessian_mode == HessianMode::kPositive) {
    message.set_hessian_mode(v1::HESSIAN_MODE_POSITIVE);
  }
  if (outputs.hard_threshold) message.set_hard_threshold(*outputs.hard_threshold);
  if (outputs.gradient_scale != kNoScale) message.set_gradient_scale(outputs.gradient_scale);
  return message;
}

v1::ComputeClassWeightsRequest Encode(const ClassWeightsOptions& options) {
  v1::ComputeClassWeightsRequest request;
  for (const SchemeWeights& scheme : options.schemes) {
    *request.add_schemes() = EncodeSchemeWeights(scheme);
  }
  if (options.class_count) request.set_class_count(*options.class_count);
  if (options.ignore_index) request.set_ignore_index(*options.ignore_index);
  return request;
}

// Returns the request, or the first error.
absl::StatusOr<MessagePieces> IfOk(std::initializer_list<absl::Status> statuses,
                                   MessagePieces& request) {
  for (const absl::Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return std::move(request);
}

}  // namespace

template <typename T>
absl::StatusOr<MessagePieces> EncodeCompute(const ArrayView<T>& logits, const Labels& labels,
                                            const LossSpec& loss, const ComputeOptions& options) {
  using Request = v1::ComputeRequest;
  Request fields;
  *fields.mutable_loss() = EncodeLossSpec(loss);
  fields.set_reduction(Encode(options.reduction));
  *fields.mutable_outputs() = Encode(options.outputs);
  if (options.class_axis) fields.set_class_axis(*options.class_axis);
  if (options.normalizer) fields.set_normalizer(*options.normalizer);
  if (options.recording) EncodeRecording(*options.recording, fields);
  MessagePieces request;
  request.AppendFields(fields);
  return IfOk(
      {AppendArray("logits", Request::kLogitsFieldNumber, logits, request),
       AppendLabels(Request::kLabelsFieldNumber, labels, request),
       AppendReals("teacher_logits", Request::kTeacherLogitsFieldNumber, options.teacher_logits,
                   request),
       AppendReals("sample_weights", Request::kSampleWeightsFieldNumber, options.sample_weights,
                   request),
       AppendReals("upstream_gradient", Request::kUpstreamGradientFieldNumber,
                   options.upstream_gradient, request),
       AppendRollout(Request::kRolloutFieldNumber, options.rollout, request),
       AppendLengths(Request::kSequenceLengthsFieldNumber, options.sequence_lengths, request),
       AppendSampleIds(options.recording, request)},
      request);
}

template <typename T>
absl::StatusOr<MessagePieces> EncodeCompare(const ArrayView<T>& logits, const Labels& labels,
                                            absl::Span<const LossSpec> losses,
                                            const CompareOptions& options) {
  using Request = v1::CompareRequest;
  Request fields;
  for (const LossSpec& loss : losses) *fields.add_losses() = EncodeLossSpec(loss);
  fields.set_reduction(Encode(options.reduction));
  fields.set_omit_class_statistics(!options.class_statistics);
  fields.set_omit_difficulty(!options.difficulty);
  fields.set_present_classes_only(options.present_classes_only);
  if (options.class_axis) fields.set_class_axis(*options.class_axis);
  if (options.hard_threshold) fields.set_hard_threshold(*options.hard_threshold);
  MessagePieces request;
  request.AppendFields(fields);
  return IfOk(
      {AppendArray("logits", Request::kLogitsFieldNumber, logits, request),
       AppendLabels(Request::kLabelsFieldNumber, labels, request),
       AppendReals("teacher_logits", Request::kTeacherLogitsFieldNumber, options.teacher_logits,
                   request),
       AppendReals("sample_weights", Request::kSampleWeightsFieldNumber, options.sample_weights,
                   request),
       AppendRollout(Request::kRolloutFieldNumber, options.rollout, request),
       AppendLengths(Request::kSequenceLengthsFieldNumber, options.sequence_lengths, request)},
      request);
}

absl::StatusOr<MessagePieces> EncodeClassWeights(const Labels& labels,
                                                 const ClassWeightsOptions& options) {
  using Request = v1::ComputeClassWeightsRequest;
  MessagePieces request;
  request.AppendFields(Encode(options));
  return IfOk({AppendLabels(Request::kLabelsFieldNumber, labels, request),
               AppendReals("sample_weights", Request::kSampleWeightsFieldNumber,
                           options.sample_weights, request)},
              request);
}

absl::StatusOr<MessagePieces> EncodeClassWeightsFromCounts(absl::Span<const double> counts,
                                                           const ClassWeightsOptions& options) {
  if (!std::holds_alternative<std::monostate>(options.sample_weights)) {
    return InvalidField("sample_weights", "applies to labels, not to counts");
  }
  v1::ComputeClassWeightsRequest fields = Encode(options);
  *fields.mutable_counts() = EncodeVector(counts);
  MessagePieces request;
  request.AppendFields(fields);
  return request;
}

absl::StatusOr<MessagePieces> EncodeInformation(const ArrayView<double>& p,
                                                const ArrayView<double>* q,
                                                const InformationOptions& options) {
  using Request = v1::MeasureInformationRequest;
  Request fields;
  fields.set_base(Encode(options.base));
  fields.set_from_logits(options.from_logits);
  fields.set_self_information(options.self_information);
  MessagePieces request;
  request.AppendFields(fields);
  absl::Status status = AppendArray("p", Request::kPFieldNumber, p, request);
  if (status.ok() && q != nullptr) status = AppendArray("q", Request::kQFieldNumber, *q, request);
  return IfOk({status}, request);
}

template absl::StatusOr<MessagePieces> EncodeCompute(const ArrayView<float>&, const Labels&,
                                                     const LossSpec&, const ComputeOptions&);
template absl::StatusOr<MessagePieces> EncodeCompute(const ArrayView<double>&, const Labels&,
                                                     const LossSpec&, const ComputeOptions&);
template absl::StatusOr<MessagePieces> EncodeCompare(const ArrayView<float>&, const Labels&,
                                                     absl::Span<const LossSpec>,
                                                     const CompareOptions&);
template absl::StatusOr<MessagePieces> EncodeCompare(const ArrayView<double>&, const Labels&,
                                                     absl::Span<const LossSpec>,
                                                     const CompareOptions&);

}  // namespace lossd::client
