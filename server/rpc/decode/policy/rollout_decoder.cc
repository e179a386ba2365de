#include "server/rpc/decode/policy/rollout_decoder.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/loss/catalogue.h"
#include "server/rpc/decode/policy/sequence_decoder.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/tensor/tensor_shape.h"
#include "server/rpc/tensor/tensor_values.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {
namespace {

// Returns the shape of one number for each sequence, where the sequences are the last axis.
Shape SequenceShape(const Shape& samples) {
  return samples.empty() ? samples : Shape(samples.begin(), samples.end() - 1);
}

// Returns true when `given` can be one number for each sequence, and is no number for each sample.
bool IsOfSequences(absl::Span<const int64_t> given, const Shape& samples) {
  if (given == absl::Span<const int64_t>(samples)) return false;
  return samples.size() == 1 ? given.size() == 1
                             : given == absl::Span<const int64_t>(SequenceShape(samples));
}

// Returns the shape of a tensor that is not checked yet; a list of values need not name its own.
Shape ShapeOf(const TensorFields& fields) {
  if (fields.shape.empty() && !fields.float_values.empty()) {
    return {static_cast<int64_t>(fields.float_values.size())};
  }
  return Shape(fields.shape.begin(), fields.shape.end());
}

int64_t SequenceCount(const OwnedSequences& sequences) {
  return sequences.ends.empty() ? sequences.uniform_count
                                : static_cast<int64_t>(sequences.ends.size());
}

// Reads tensors of a rollout into the core's order.
class ColumnDecoder {
 public:
  ColumnDecoder(const LogitsLayout& layout, loss::Activation activation, RolloutStorage storage,
                BufferPool& pool)
      : shape_(layout.SampleShape(activation)),
        layout_(layout),
        activation_(activation),
        storage_(storage),
        pool_(pool) {}

  // Returns the losses' shape.
  const Shape& shape() const { return shape_; }

  // Returns the floats of a tensor of the losses' shape; none after adding a violation.
  OwnedColumn ReadSamples(const TensorView& tensor, const Field& field) const {
    const bool moves = activation_ == loss::Activation::kSigmoid;
    if (storage_ == RolloutStorage::kInRequest && !moves && RequestColumn::Reads(tensor)) {
      return {{}, std::make_unique<RequestColumn>(tensor)};
    }
    OwnedColumn column = ReadSequences(tensor, field);
    if (!moves) return column;
    column.values = std::visit(
        [&](auto array) -> FloatArray { return MoveClassesLast(layout_, std::move(array)); },
        std::move(column.values));
    return column;
  }

  // Returns the floats of a tensor as they are; none after adding a violation.
  OwnedColumn ReadSequences(const TensorView& tensor, const Field& field) const {
    auto floats = ReadFloats(tensor, field, pool_);
    if (!floats) return {};
    return {*std::move(floats), nullptr};
  }

 private:
  const Shape shape_;
  const LogitsLayout& layout_;
  const loss::Activation activation_;
  const RolloutStorage storage_;
  BufferPool& pool_;
};

OwnedColumn DecodeLogProbs(const std::optional<TensorFields>& fields, const ColumnDecoder& decoder,
                           const Field& field) {
  if (!fields) return {};
  const auto tensor = CheckTensor(*fields, v1::DATA_TYPE_UNSPECIFIED, field);
  if (!tensor) return {};
  if (tensor->shape == decoder.shape()) return decoder.ReadSamples(*tensor, field);
  field["shape"].Refuse("= ", ShapeText(tensor->shape), ", expected the losses' shape ",
                        ShapeText(decoder.shape()));
  return {};
}

void DecodeAdvantages(const TensorFields& fields, const ColumnDecoder& decoder, const Field& field,
                      DecodedSamples& samples) {
  const auto tensor = CheckTensor(fields, v1::DATA_TYPE_UNSPECIFIED, field);
  if (!tensor) return;
  const Shape& shape = decoder.shape();
  OwnedRollout& rollout = samples.rollout;
  if (tensor->shape == shape) {
    rollout.advantages = decoder.ReadSamples(*tensor, field);
    return;
  }
  if (IsOfSequences(tensor->shape, shape)) {
    // Lengths that are at fault are violations already.
    const int64_t count = SequenceCount(samples.sequences);
    if (shape.size() == 1 && count == 0) return;
    if (shape.size() > 1 || tensor->shape[0] == count) {
      rollout.advantages = decoder.ReadSequences(*tensor, field);
      rollout.advantage_extent = loss::AdvantageExtent::kSequences;
      return;
    }
  }
  const std::string of_sequences =
      shape.size() > 1
          ? absl::StrCat(" or ", ShapeText(SequenceShape(shape)), ", one for each sequence")
      : SequenceCount(samples.sequences) > 0
          ? absl::StrCat(" or [", SequenceCount(samples.sequences), "], one for each sequence")
          : "";
  field["shape"].Refuse("= ", ShapeText(tensor->shape), ", expected the losses' shape ",
                        ShapeText(shape), of_sequences);
}

// Returns true when a sample of the sequence is read.
template <typename IsRead>
bool AnyOfSequence(const loss::Sequences& sequences, int64_t sequence, IsRead is_read) {
  for (int64_t i = sequences.begin(sequence); i < sequences.end(sequence); ++i) {
    if (is_read(i)) return true;
  }
  return false;
}

std::string FormPath(const loss::LossSpec& spec) {
  const loss::FormInfo& form = *spec.form;
  return form.variant_of != nullptr ? form.variant_of : form.name;
}

// Refuses what cannot be beside a rollout, or with a form of a ratio: samples need one ln p each.
void CheckOneLogP(const loss::LossSpec& spec, const OwnedLabels* labels, const Field& loss_field,
                  const Field& request) {
  if (spec.activation == loss::Activation::kLogProbability) return;
  if (!loss::TakesLogProbabilities(*spec.form)) {
    loss_field[FormPath(spec)].Refuse("is no function of the truth's probability alone, which a ",
                                      "rollout needs");
  }
  if (labels != nullptr && std::holds_alternative<OwnedTargets>(*labels)) {
    const bool is_teacher = FindTeacher(*labels) != nullptr;
    request[NameOf(*labels)].Refuse(is_teacher ? "is set" : "has float targets",
                                    ", expected integer labels beside a rollout");
  }
  if (spec.label_smoothing != 0 && !spec.form->of_ratio) {
    loss_field["label_smoothing"].Refuse("= ", NumberText(spec.label_smoothing),
                                         ", expected 0 beside a rollout");
  }
  if (spec.z_loss != 0) {
    loss_field["z_loss"].Refuse("= ", NumberText(spec.z_loss), ", expected 0 beside a rollout");
  }
}

}  // namespace

std::string FindSequenceReader(const BatchFields& fields, const LogitsLayout& layout,
                               absl::Span<const loss::LossSpec> specs, loss::Activation activation,
                               loss::Reduction reduction) {
  if (reduction == loss::Reduction::kSequenceMean) return "REDUCTION_SEQUENCE_MEAN";
  for (const loss::LossSpec& spec : specs) {
    if (spec.policy.ratio.level == loss::RatioLevel::kSequence) return "ratio.level SEQUENCE";
    if (spec.policy.reads_sequences()) return "importance_weighting.level SEQUENCE";
  }
  if (!fields.rollout.advantages) return "";
  const Shape given = ShapeOf(*fields.rollout.advantages);
  const bool fits = IsOfSequences(given, layout.SampleShape(activation));
  return fits ? absl::StrCat("rollout.advantages of shape ", ShapeText(given)) : "";
}

void DecodeRollout(const RolloutFields& fields, const LogitsLayout& layout,
                   loss::Activation activation, BufferPool& pool, const Field& field,
                   DecodedSamples& samples) {
  if (!fields.any()) return;
  const ColumnDecoder decoder(layout, activation, fields.storage, pool);
  if (fields.advantages) {
    DecodeAdvantages(*fields.advantages, decoder, field["advantages"], samples);
  }
  const auto decode = [&](const std::optional<TensorFields>& tensor, absl::string_view name) {
    return DecodeLogProbs(tensor, decoder, field[name]);
  };
  OwnedRollout& rollout = samples.rollout;
  rollout.old_log_probs = decode(fields.old_log_probs, "old_log_probs");
  rollout.reference_log_probs = decode(fields.reference_log_probs, "reference_log_probs");
  rollout.sampler_log_probs = decode(fields.sampler_log_probs, "sampler_log_probs");
}

void CheckRolloutValues(const DecodedSamples& samples, const LogitsLayout& layout,
                        loss::Activation activation, std::optional<int64_t> ignore_index,
                        const Field& field) {
  const IgnoredSamples is_ignored(samples, layout, activation, ignore_index);
  const auto is_read = [&](int64_t sample) { return !is_ignored(sample); };
  const bool per_logit = activation == loss::Activation::kSigmoid;
  const auto place = [&](int64_t i) { return per_logit ? layout.CoreElement(i) : i; };
  const Shape shape = layout.SampleShape(activation);
  const auto check_array = [&](const FloatArray& array, absl::string_view name) {
    CheckBound(ViewOf(array), {place, is_read}, shape, Bound::kFinite, field[name]);
  };
  const auto check = [&](const OwnedColumn& column, absl::string_view name) {
    if (column.in_request == nullptr) return check_array(column.values, name);
    if (!column.in_request->all_finite()) check_array(column.in_request->Copy(), name);
  };
  const OwnedRollout& rollout = samples.rollout;
  check(rollout.old_log_probs, "old_log_probs");
  check(rollout.reference_log_probs, "reference_log_probs");
  check(rollout.sampler_log_probs, "sampler_log_probs");
  if (rollout.advantage_extent == loss::AdvantageExtent::kSamples) {
    return check(rollout.advantages, "advantages");
  }
  const OwnedSequences& owned = samples.sequences;
  const loss::Sequences sequences = {owned.length, owned.uniform_count, owned.ends};
  const auto any_is_read = [&](int64_t i) { return AnyOfSequence(sequences, i, is_read); };
  const auto same = [](int64_t i) { return i; };
  const Shape of_sequences =
      shape.size() > 1 ? SequenceShape(shape) : Shape{SequenceCount(samples.sequences)};
  CheckBound(ViewOf(rollout.advantages.values), {same, any_is_read}, of_sequences, Bound::kFinite,
             field["advantages"]);
}

void CheckRolloutNeeds(const loss::LossSpec& spec, const RolloutFields& fields,
                       const OwnedLabels* labels, const Field& loss_field, const Field& request) {
  const std::string form = FormPath(spec);
  if (spec.form->of_ratio) {
    if (!fields.advantages) loss_field[form].Refuse("needs rollout.advantages");
    if (!fields.old_log_probs) loss_field[form].Refuse("needs rollout.old_log_probs");
  }
  const auto need = [&](const std::optional<TensorFields>& tensor, absl::string_view option,
                        absl::string_view name) {
    if (!tensor) loss_field[option].Refuse("needs rollout.", name);
  };
  const loss::PolicyOptions& policy = spec.policy;
  const bool has_ratio = policy.ratio.level == loss::RatioLevel::kSequence ||
                         std::isfinite(policy.ratio.log_ratio_cap);
  if (has_ratio && !spec.form->of_ratio) need(fields.old_log_probs, "ratio", "old_log_probs");
  if (policy.kl_penalty) need(fields.reference_log_probs, "kl_penalty", "reference_log_probs");
  if (policy.importance_weighting) {
    need(fields.old_log_probs, "importance_weighting", "old_log_probs");
    need(fields.sampler_log_probs, "importance_weighting", "sampler_log_probs");
  }
  if (spec.form->of_ratio || fields.any()) CheckOneLogP(spec, labels, loss_field, request);
}

void CheckRolloutIsRead(absl::Span<const loss::LossSpec> specs, const RolloutFields& fields,
                        StatisticsReader reader, const Field& field) {
  const auto any = [&](auto reads) { return std::any_of(specs.begin(), specs.end(), reads); };
  const bool reads_old = any([](const loss::LossSpec& spec) {
    const loss::PolicyOptions& policy = spec.policy;
    return spec.form->of_ratio || policy.importance_weighting ||
           (policy.kl_penalty && policy.kl_penalty->gradient == loss::KlGradient::kReverseKl);
  });
  const bool reads_reference =
      any([](const loss::LossSpec& spec) { return spec.policy.kl_penalty.has_value(); });
  const bool reads_sampler =
      any([](const loss::LossSpec& spec) { return spec.policy.importance_weighting.has_value(); });
  const bool has_statistics = reader == StatisticsReader::kAnswer;
  const auto check = [&](const std::optional<TensorFields>& tensor, absl::string_view name,
                         bool is_read) {
    if (tensor && !is_read) field[name].Refuse("is set, but the loss does not read it");
  };
  check(fields.old_log_probs, "old_log_probs", reads_old || has_statistics);
  check(fields.reference_log_probs, "reference_log_probs", reads_reference || has_statistics);
  check(fields.sampler_log_probs, "sampler_log_probs", reads_sampler);
}

}  // namespace lossd::rpc
