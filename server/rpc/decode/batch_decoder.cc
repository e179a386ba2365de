#include "server/rpc/decode/batch_decoder.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/rpc/decode/teacher_decoder.h"
#include "server/rpc/tensor/tensor_values.h"

namespace lossd::rpc {
namespace {

// Returns the tensors that are set, by fields_of(tensor, number).
template <typename FieldsOfTensor>
RolloutFields FieldsOfRollout(const v1::Rollout& rollout, FieldsOfTensor fields_of) {
  using R = v1::Rollout;
  RolloutFields fields;
  if (rollout.has_advantages()) {
    fields.advantages = fields_of(rollout.advantages(), R::kAdvantagesFieldNumber);
  }
  if (rollout.has_old_log_probs()) {
    fields.old_log_probs = fields_of(rollout.old_log_probs(), R::kOldLogProbsFieldNumber);
  }
  if (rollout.has_reference_log_probs()) {
    fields.reference_log_probs =
        fields_of(rollout.reference_log_probs(), R::kReferenceLogProbsFieldNumber);
  }
  if (rollout.has_sampler_log_probs()) {
    fields.sampler_log_probs =
        fields_of(rollout.sampler_log_probs(), R::kSamplerLogProbsFieldNumber);
  }
  return fields;
}

template <typename Request>
BatchFields CommonFields(const Request& request, const wire::TensorPayloads& payloads) {
  const auto fields_of = [&](const v1::Tensor& tensor, int number) {
    return FieldsOf(tensor, wire::FindPayload(payloads, number));
  };
  BatchFields fields;
  if (request.has_logits()) {
    fields.logits = fields_of(request.logits(), Request::kLogitsFieldNumber);
  }
  if (request.has_labels()) {
    fields.labels = fields_of(request.labels(), Request::kLabelsFieldNumber);
  }
  if (request.has_teacher_logits()) {
    fields.teacher_logits = fields_of(request.teacher_logits(), Request::kTeacherLogitsFieldNumber);
  }
  if (request.has_sample_weights()) {
    fields.sample_weights = fields_of(request.sample_weights(), Request::kSampleWeightsFieldNumber);
  }
  if (request.has_sequence_lengths()) {
    fields.sequence_lengths =
        fields_of(request.sequence_lengths(), Request::kSequenceLengthsFieldNumber);
  }
  if (request.has_rollout()) {
    fields.rollout = FieldsOfRollout(request.rollout(), [&](const v1::Tensor& tensor, int number) {
      return fields_of(tensor, wire::TensorKey(Request::kRolloutFieldNumber, number));
    });
  }
  if (request.has_class_axis()) fields.class_axis = request.class_axis();
  return fields;
}

int64_t SamplesPerRow(const LogitsLayout& layout, loss::Activation activation) {
  return activation == loss::Activation::kSoftmax ? 1 : layout.classes;
}

// Returns the numbers of the tensor at `field`, which has the losses' shape or one number for each
// entry of axis 0. Returns none after adding to the violations, but the numbers where these are
// outside `bound`.
OwnedPerSample DecodePerSample(const TensorFields& fields, const LogitsLayout& layout,
                               loss::Activation activation, std::optional<Bound> bound,
                               const Field& field) {
  const auto tensor = CheckTensor(fields, v1::DATA_TYPE_UNSPECIFIED, field);
  if (!tensor) return {};

  const Shape sample_shape = layout.SampleShape(activation);
  const Shape first_axis = {layout.shape[0]};
  const bool is_per_sample = tensor->shape == sample_shape;
  if (!is_per_sample && tensor->shape != first_axis) {
    const std::string other =
        sample_shape == first_axis ? "" : absl::StrCat(" or ", ShapeText(first_axis));
    const bool per_row = activation == loss::Activation::kSoftmax;
    field["shape"].Refuse("= ", ShapeText(tensor->shape), ", expected the losses' shape ",
                          ShapeText(sample_shape), other,
                          per_row ? layout.OtherAxisHint(tensor->shape) : "");
    return {};
  }
  auto numbers = ReadNumbers(*tensor, field);
  if (!numbers) return {};
  if (bound) CheckBound(absl::MakeConstSpan(*numbers), tensor->shape, *bound, field);

  OwnedPerSample per_sample;
  if (is_per_sample) {
    const bool follows_logits = activation == loss::Activation::kSigmoid;
    per_sample.values =
        follows_logits ? MoveClassesLast(layout, *std::move(numbers)) : *std::move(numbers);
  } else {
    per_sample.values = *std::move(numbers);
    per_sample.repeat = layout.inner * SamplesPerRow(layout, activation);
  }
  return per_sample;
}

// Returns a sample's integer label; nullopt for targets, which ignore_index leaves alone.
std::optional<int64_t> LabelAt(const OwnedLabels& labels, int64_t sample, int64_t per_row) {
  if (const auto* ids = std::get_if<OwnedClassIds>(&labels)) {
    return ids->values[static_cast<size_t>(sample / per_row)];
  }
  const auto* binary = std::get_if<OwnedBinaryLabels>(&labels);
  if (binary == nullptr) return std::nullopt;
  return binary->values[static_cast<size_t>(sample)];
}

// Returns logits that are read where they are. The empty array tells their computed type.
DecodedLogits KeepInRequest(const TensorView& tensor, LogitsLayout layout, BufferPool& pool) {
  return {std::move(layout), tensor.type, tensor.style(), MakeFloatArray(tensor.type, 0, pool),
          MakeReader(tensor)};
}

loss::Column ViewOf(const OwnedColumn& column) {
  if (column.in_request != nullptr) return column.in_request.get();
  return std::visit([](const auto& a) -> loss::Column { return a.span(); }, column.values);
}

loss::PerSample ViewOf(const OwnedPerSample& per_sample) {
  return {per_sample.values, per_sample.repeat};
}

}  // namespace

BatchFields FieldsOf(const v1::ComputeRequest& request, const wire::TensorPayloads& payloads) {
  BatchFields fields = CommonFields(request, payloads);
  if (request.has_upstream_gradient()) {
    fields.upstream_gradient =
        FieldsOf(request.upstream_gradient(),
                 wire::FindPayload(payloads, v1::ComputeRequest::kUpstreamGradientFieldNumber));
  }
  if (request.has_sample_ids()) {
    fields.sample_ids =
        FieldsOf(request.sample_ids(),
                 wire::FindPayload(payloads, v1::ComputeRequest::kSampleIdsFieldNumber));
  }
  return fields;
}

BatchFields FieldsOf(const v1::CompareRequest& request, const wire::TensorPayloads& payloads) {
  return CommonFields(request, payloads);
}

std::optional<DecodedLogits> DecodeLogits(const BatchFields& fields, LogitStorage storage,
                                          BufferPool& pool, const Field& request) {
  const Field field = request["logits"];
  if (!fields.logits) {
    field.Refuse("is not set, expected a tensor of floats");
    return std::nullopt;
  }
  const auto tensor = CheckTensor(*fields.logits, v1::DATA_TYPE_FLOAT32, field);
  if (!tensor) return std::nullopt;
  auto layout = fields.axes == LogitAxes::kSamples
                    ? LayOutLogProbabilities(tensor->shape, fields.class_axis, request)
                    : LayOutLogits(tensor->shape, fields.class_axis, request);
  if (storage == LogitStorage::kInRequest && layout && !layout->moves_classes() &&
      IsFloat(tensor->type) && tensor->style() == TensorStyle::kData) {
    return KeepInRequest(*tensor, *std::move(layout), pool);
  }
  auto values = ReadFloats(*tensor, field, pool);
  if (!layout || !values) return std::nullopt;

  return DecodedLogits{*std::move(layout), tensor->type, tensor->style(), *std::move(values),
                       nullptr};
}

std::optional<DecodedSamples> DecodeSamples(const BatchFields& fields, const LogitsLayout& layout,
                                            loss::Activation activation, BufferPool& pool,
                                            const Field& request) {
  if (activation == loss::Activation::kSoftmax && !layout.class_axis) {
    request["logits"]["shape"].Refuse("= ", ShapeText(layout.shape),
                                      ", expected [N, C] or more axes for softmax");
    return std::nullopt;
  }
  auto labels = fields.teacher_logits
                    ? DecodeTeacherLogits(fields, layout, activation, pool, request)
                    : DecodeLabels(fields.labels, layout, activation, pool, request["labels"]);
  OwnedPerSample sample_weights;
  if (fields.sample_weights) {
    sample_weights = DecodePerSample(*fields.sample_weights, layout, activation,
                                     Bound::kFiniteAndNotNegative, request["sample_weights"]);
  }
  OwnedPerSample upstream;
  if (fields.upstream_gradient) {
    upstream = DecodePerSample(*fields.upstream_gradient, layout, activation, std::nullopt,
                               request["upstream_gradient"]);
  }
  if (!labels) return std::nullopt;
  return DecodedSamples{*std::move(labels), std::move(sample_weights), std::move(upstream), {}, {}};
}

Weightless FindWeightless(const DecodedSamples& samples, const LogitsLayout& layout,
                          loss::Activation activation) {
  return {samples.sample_weights.values, samples.sample_weights.repeat,
          SamplesPerRow(layout, activation)};
}

IgnoredSamples::IgnoredSamples(const DecodedSamples& samples, const LogitsLayout& layout,
                               loss::Activation activation, std::optional<int64_t> ignore_index)
    : labels_(samples.labels),
      per_row_(SamplesPerRow(layout, activation)),
      ignore_index_(ignore_index),
      weightless_(FindWeightless(samples, layout, activation)) {}

bool IgnoredSamples::operator()(int64_t sample) const {
  if (weightless_.Sample(sample)) return true;
  return ignore_index_ && LabelAt(labels_, sample, per_row_) == ignore_index_;
}

void CheckUpstreamGradient(const DecodedSamples& samples, const LogitsLayout& layout,
                           loss::Activation activation, std::optional<int64_t> ignore_index,
                           const Field& field) {
  const std::vector<double>& values = samples.upstream_gradient.values;
  if (values.empty()) return;
  const int64_t repeat = samples.upstream_gradient.repeat;
  const int64_t per_row = SamplesPerRow(layout, activation);
  const IgnoredSamples is_ignored(samples, layout, activation, ignore_index);
  const auto is_read = [&](int64_t place) {
    for (int64_t sample = place * repeat; sample < (place + 1) * repeat; ++sample) {
      if (!is_ignored(sample)) return true;
    }
    return false;
  };
  const bool per_sample = static_cast<int64_t>(values.size()) == layout.rows * per_row;
  const bool per_logit = per_sample && activation == loss::Activation::kSigmoid;
  const auto place = [&](int64_t i) { return per_logit ? layout.CoreElement(i) : i; };
  const Shape shape = per_sample ? layout.SampleShape(activation) : Shape{layout.shape[0]};
  CheckBound(absl::MakeConstSpan(values), {place, is_read}, shape, Bound::kFinite, field);
}

void CheckSampleTensors(const BatchFields& fields, const Field& request) {
  const auto check = [&](const std::optional<TensorFields>& tensor, absl::string_view name) {
    if (tensor) CheckTensor(*tensor, v1::DATA_TYPE_UNSPECIFIED, request[name]);
  };
  check(fields.labels, "labels");
  check(fields.teacher_logits, "teacher_logits");
  check(fields.sample_weights, "sample_weights");
  check(fields.upstream_gradient, "upstream_gradient");
  check(fields.sequence_lengths, "sequence_lengths");
  const Field rollout = request["rollout"];
  ForEachTensor(fields.rollout, [&](const std::optional<TensorFields>& tensor, const char* name) {
    if (tensor) CheckTensor(*tensor, v1::DATA_TYPE_UNSPECIFIED, rollout[name]);
  });
}

loss::Batch ViewOf(const DecodedLogits& logits, const DecodedSamples& samples) {
  loss::Batch batch;
  batch.logits = ViewOf(logits.values);
  batch.logit_reader = logits.reader.get();
  batch.rows = logits.layout.rows;
  batch.classes = logits.layout.classes;
  if (logits.layout.class_axis) batch.one_logit_classes = loss::OneLogitClasses::kOne;
  if (logits.layout.moves_classes()) batch.inner = logits.layout.inner;
  batch.labels = ViewOf(samples.labels);
  batch.sample_weights = ViewOf(samples.sample_weights);
  batch.upstream_gradient = ViewOf(samples.upstream_gradient);
  const OwnedRollout& rollout = samples.rollout;
  batch.rollout = {ViewOf(rollout.advantages), rollout.advantage_extent,
                   ViewOf(rollout.old_log_probs), ViewOf(rollout.reference_log_probs),
                   ViewOf(rollout.sampler_log_probs)};
  batch.sequences = {samples.sequences.length, samples.sequences.uniform_count,
                     samples.sequences.ends};
  return batch;
}

}  // namespace lossd::rpc
