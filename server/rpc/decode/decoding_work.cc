#include "server/rpc/decode/decoding_work.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "server/rpc/decode/batch_decoder.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {
namespace {

// An element is loaded, checked twice, and perhaps moved.
constexpr double kNanosecondsOfElement = 4;

// Integers and doubles, and every other number when it is decoded.
constexpr double kBytesOfNumber = sizeof(double);

// Class vectors in a loss are of few bytes each in the message, and copied twice.
constexpr double kBytesOfSpecByte = 2 * kBytesOfNumber;

// Says whether elements are moved to another place in memory, where they are a second time.
enum class Moves { kNo, kMayBe };

// Returns an upper bound of the elements, whatever the fields say.
double ElementsOf(const TensorFields& fields) {
  const int64_t size =
      v1::DataType_IsValid(fields.data_type) ? ElementSize(fields.data_type) : int64_t{1};
  const double in_data =
      static_cast<double>(fields.data.size()) / static_cast<double>(std::max<int64_t>(1, size));
  return in_data + static_cast<double>(fields.float_values.size() + fields.int_values.size());
}

loss::Work WorkOf(const std::optional<TensorFields>& fields, double bytes_of_element, Moves moves) {
  if (!fields) return {};
  const double elements = ElementsOf(*fields);
  const double copies = moves == Moves::kMayBe ? 2 : 1;
  return {kNanosecondsOfElement * elements, copies * bytes_of_element * elements};
}

loss::Work WorkOf(const v1::Tensor& tensor) {
  return WorkOf(FieldsOf(tensor), kBytesOfNumber, Moves::kNo);
}

// Returns what the tensors of a batch take but for its logits.
loss::Work WorkOfSamples(const BatchFields& fields) {
  const Moves moves = fields.class_axis.value_or(-1) == -1 ? Moves::kNo : Moves::kMayBe;
  loss::Work work = WorkOf(fields.labels, kBytesOfNumber, moves);
  work += WorkOf(fields.teacher_logits, kBytesOfNumber, moves);
  work += WorkOf(fields.sample_weights, kBytesOfNumber, moves);
  work += WorkOf(fields.upstream_gradient, kBytesOfNumber, moves);
  work += WorkOf(fields.sample_ids, kBytesOfNumber, moves);
  work += WorkOf(fields.sequence_lengths, kBytesOfNumber, Moves::kNo);
  ForEachTensor(fields.rollout, [&](const std::optional<TensorFields>& tensor, const char*) {
    work += WorkOf(tensor, kBytesOfNumber, moves);
  });
  return work;
}

loss::Work WorkOfLogits(const BatchFields& fields) {
  if (!fields.logits) return {};
  const bool in_double =
      fields.logits->data_type == v1::DATA_TYPE_FLOAT64 || !fields.logits->float_values.empty();
  return WorkOf(fields.logits, in_double ? sizeof(double) : sizeof(float), Moves::kNo);
}

loss::Work WorkOfSpec(const v1::LossSpec& spec) {
  const auto bytes = static_cast<double>(spec.ByteSizeLong());
  return {kNanosecondsOfElement * bytes, kBytesOfSpecByte * bytes};
}

}  // namespace

loss::Work DecodingWork(const v1::ComputeRequest& request, const wire::TensorPayloads& payloads) {
  const BatchFields fields = FieldsOf(request, payloads);
  loss::Work work = WorkOfSamples(fields);
  // Others are read where they are.
  const bool copies_logits = request.has_class_axis() || request.logits().float_values_size() > 0;
  if (copies_logits) work += WorkOfLogits(fields);
  work += WorkOfSpec(request.loss());
  work.bytes += static_cast<double>(sizeof(int32_t)) * request.outputs().top_k_size();
  return work;
}

loss::Work DecodingWork(const v1::CompareRequest& request, const wire::TensorPayloads& payloads) {
  const BatchFields fields = FieldsOf(request, payloads);
  loss::Work work = WorkOfLogits(fields);
  // Once for softmax, once for sigmoid.
  for (int activation = 0; activation < 2; ++activation) work += WorkOfSamples(fields);
  for (const v1::LossSpec& spec : request.losses()) work += WorkOfSpec(spec);
  return work;
}

loss::Work DecodingWork(const v1::ComputeClassWeightsRequest& request) {
  loss::Work work = WorkOf(request.labels());
  work += WorkOf(request.counts());
  work += WorkOf(request.sample_weights());
  work.bytes += static_cast<double>(sizeof(loss::SchemeWeights)) * request.schemes_size();
  return work;
}

loss::Work DecodingWork(const v1::MeasureInformationRequest& request) {
  loss::Work work = WorkOf(request.p());
  work += WorkOf(request.q());
  return work;
}

}  // namespace lossd::rpc
