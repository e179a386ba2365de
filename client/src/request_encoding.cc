#include "client/src/request_encoding.h"

#include <variant>

#include "absl/status/status.h"
#include "client/src/loss_spec_encoding.h"
#include "client/src/status.h"
#include "client/src/tensor_codec.h"

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

absl::Status EncodeLabels(const Labels& labels, v1::Tensor* tensor) {
  return std::visit([&](const auto& array) { return EncodeTensor("labels", array, tensor); },
                    labels);
}

// Leaves the tensor unset when there is no array; `mutable_tensor` makes it when there is one.
template <typename MutableTensor>
absl::Status EncodeOptionalReals(absl::string_view field, const OptionalReals& reals,
                                 const MutableTensor& mutable_tensor) {
  if (const auto* floats = std::get_if<ArrayView<float>>(&reals)) {
    return EncodeTensor(field, *floats, mutable_tensor());
  }
  if (const auto* doubles = std::get_if<ArrayView<double>>(&reals)) {
    return EncodeTensor(field, *doubles, mutable_tensor());
  }
  return absl::OkStatus();
}

template <typename Request>
absl::Status EncodeSampleWeights(const OptionalReals& weights, Request* request) {
  return EncodeOptionalReals("sample_weights", weights,
                             [request] { return request->mutable_sample_weights(); });
}

void EncodeOutputs(const OutputOptions& outputs, v1::OutputOptions* message) {
  message->set_gradient(outputs.gradient);
  message->set_hessian_diagonal(outputs.hessian_diagonal);
  message->set_probabilities(outputs.probabilities);
  message->set_class_statistics(outputs.class_statistics);
  message->set_difficulty(outputs.difficulty);
  message->set_omit_losses(!outputs.losses);
  message->set_log_sum_exp(outputs.log_sum_exp);
  message->set_omit_class_weights(!outputs.class_weights);
  message->set_present_classes_only(outputs.present_classes_only);
  message->mutable_top_k()->Add(outputs.top_k.begin(), outputs.top_k.end());
  if (outputs.hessian_mode == HessianMode::kPositive) {
    message->set_hessian_mode(v1::HESSIAN_MODE_POSITIVE);
  }
  if (outputs.hard_threshold.has_value()) {
    message->set_hard_threshold(*outputs.hard_threshold);
  }
  if (outputs.gradient_scale != kNoScale) {
    message->set_gradient_scale(outputs.gradient_scale);
  }
}

void EncodeSchemes(const ClassWeightsOptions& options, v1::ComputeClassWeightsRequest* request) {
  for (const SchemeWeights& scheme : options.schemes) {
    *request->add_schemes() = EncodeSchemeWeights(scheme);
  }
  if (options.class_count.has_value()) {
    request->set_class_count(*options.class_count);
  }
}

// The first that went wrong.
absl::Status FirstError(std::initializer_list<absl::Status> statuses) {
  for (const absl::Status& status : statuses) {
    if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

template <typename T>
absl::StatusOr<v1::ComputeRequest> EncodeCompute(const ArrayView<T>& logits, const Labels& labels,
                                                 const LossSpec& loss,
                                                 const ComputeOptions& options) {
  v1::ComputeRequest request;
  const absl::Status status =
      FirstError({EncodeTensor("logits", logits, request.mutable_logits()),
                  EncodeLabels(labels, request.mutable_labels()),
                  EncodeSampleWeights(options.sample_weights, &request),
                  EncodeOptionalReals("upstream_gradient", options.upstream_gradient,
                                      [&request] { return request.mutable_upstream_gradient(); })});
  if (!status.ok()) {
    return status;
  }
  *request.mutable_loss() = EncodeLossSpec(loss);
  request.set_reduction(Encode(options.reduction));
  EncodeOutputs(options.outputs, request.mutable_outputs());
  if (options.class_axis.has_value()) {
    request.set_class_axis(*options.class_axis);
  }
  if (options.normalizer.has_value()) {
    request.set_normalizer(*options.normalizer);
  }
  return request;
}

template <typename T>
absl::StatusOr<v1::CompareRequest> EncodeCompare(const ArrayView<T>& logits, const Labels& labels,
                                                 absl::Span<const LossSpec> losses,
                                                 const CompareOptions& options) {
  v1::CompareRequest request;
  const absl::Status status = FirstError({EncodeTensor("logits", logits, request.mutable_logits()),
                                          EncodeLabels(labels, request.mutable_labels()),
                                          EncodeSampleWeights(options.sample_weights, &request)});
  if (!status.ok()) {
    return status;
  }
  for (const LossSpec& loss : losses) {
    *request.add_losses() = EncodeLossSpec(loss);
  }
  request.set_reduction(Encode(options.reduction));
  request.set_omit_class_statistics(!options.class_statistics);
  request.set_omit_difficulty(!options.difficulty);
  request.set_present_classes_only(options.present_classes_only);
  if (options.class_axis.has_value()) {
    request.set_class_axis(*options.class_axis);
  }
  if (options.hard_threshold.has_value()) {
    request.set_hard_threshold(*options.hard_threshold);
  }
  return request;
}

absl::StatusOr<v1::ComputeClassWeightsRequest> EncodeClassWeights(
    const Labels& labels, const ClassWeightsOptions& options) {
  v1::ComputeClassWeightsRequest request;
  const absl::Status status = FirstError({EncodeLabels(labels, request.mutable_labels()),
                                          EncodeSampleWeights(options.sample_weights, &request)});
  if (!status.ok()) {
    return status;
  }
  EncodeSchemes(options, &request);
  return request;
}

absl::StatusOr<v1::ComputeClassWeightsRequest> EncodeClassWeightsFromCounts(
    absl::Span<const double> counts, const ClassWeightsOptions& options) {
  if (!std::holds_alternative<std::monostate>(options.sample_weights)) {
    return InvalidField("sample_weights", "weigh labels; counts have none");
  }
  v1::ComputeClassWeightsRequest request;
  EncodeVector(counts, request.mutable_counts());
  EncodeSchemes(options, &request);
  return request;
}

absl::StatusOr<v1::MeasureInformationRequest> EncodeInformation(const ArrayView<double>& p,
                                                                const ArrayView<double>* q,
                                                                const InformationOptions& options) {
  v1::MeasureInformationRequest request;
  absl::Status status = EncodeTensor("p", p, request.mutable_p());
  if (status.ok() && q != nullptr) {
    status = EncodeTensor("q", *q, request.mutable_q());
  }
  if (!status.ok()) {
    return status;
  }
  request.set_base(Encode(options.base));
  request.set_from_logits(options.from_logits);
  request.set_self_information(options.self_information);
  return request;
}

template absl::StatusOr<v1::ComputeRequest> EncodeCompute(const ArrayView<float>&, const Labels&,
                                                          const LossSpec&, const ComputeOptions&);
template absl::StatusOr<v1::ComputeRequest> EncodeCompute(const ArrayView<double>&, const Labels&,
                                                          const LossSpec&, const ComputeOptions&);
template absl::StatusOr<v1::CompareRequest> EncodeCompare(const ArrayView<float>&, const Labels&,
                                                          absl::Span<const LossSpec>,
                                                          const CompareOptions&);
template absl::StatusOr<v1::CompareRequest> EncodeCompare(const ArrayView<double>&, const Labels&,
                                                          absl::Span<const LossSpec>,
                                                          const CompareOptions&);

}  // namespace lossd::client
