#ifndef LOSSD_SERVER_RPC_DECODE_BATCH_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_BATCH_DECODER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "proto/wire/split_message.h"
#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/decode/label_decoder.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/logits_layout.h"
#include "server/rpc/tensor/request_column.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {

// What the axes of a batch's logits are.
enum class LogitAxes { kSamplesAndClasses, kSamples };

// Where the columns of a rollout are kept. kInRequest is for large ones: their values are looked at
// when they are computed with.
enum class RolloutStorage { kCopied, kInRequest };

// The tensors of a rollout.
struct RolloutFields {
  RolloutStorage storage = RolloutStorage::kCopied;
  std::optional<TensorFields> advantages;
  std::optional<TensorFields> old_log_probs;
  std::optional<TensorFields> reference_log_probs;
  std::optional<TensorFields> sampler_log_probs;

  bool any() const {
    return advantages || old_log_probs || reference_log_probs || sampler_log_probs;
  }
};

// Calls f(tensor, name) for each tensor that a rollout may have.
template <typename F>
void ForEachTensor(const RolloutFields& fields, F f) {
  f(fields.advantages, "advantages");
  f(fields.old_log_probs, "old_log_probs");
  f(fields.reference_log_probs, "reference_log_probs");
  f(fields.sampler_log_probs, "sampler_log_probs");
}

// The tensors of a request's batch, unchecked; absent ones were not set. Decoding sees the batch
// only through these, so that it does not depend on how the request was parsed.
struct BatchFields {
  std::optional<TensorFields> logits;
  std::optional<TensorFields> labels;
  std::optional<TensorFields> teacher_logits;
  std::optional<TensorFields> sample_weights;
  std::optional<TensorFields> upstream_gradient;
  std::optional<TensorFields> sample_ids;
  RolloutFields rollout;
  std::optional<TensorFields> sequence_lengths;
  std::optional<int32_t> class_axis;
  LogitAxes axes = LogitAxes::kSamplesAndClasses;
};

// Return the tensors of a request; `payloads` were taken out of it when it was received. The
// arguments outlive the fields.
BatchFields FieldsOf(const v1::ComputeRequest& request, const wire::TensorPayloads& payloads);
BatchFields FieldsOf(const v1::CompareRequest& request, const wire::TensorPayloads& payloads);

struct DecodedLogits {
  LogitsLayout layout;
  v1::DataType type = v1::DATA_TYPE_UNSPECIFIED;  // as sent; not UNSPECIFIED after decoding
  TensorStyle style = TensorStyle::kData;
  FloatArray values;  // in the layout in which they were sent; empty when there is a reader
  std::unique_ptr<loss::LogitReader> reader;  // may be null
};

// Where a batch's logits are kept. kInRequest is for a batch that is computed once: the memory of
// logits that were read is freed.
enum class LogitStorage { kCopied, kInRequest };

// One number per sample, or per `repeat` consecutive samples; empty when the tensor was not set.
struct OwnedPerSample {
  std::vector<double> values;
  int64_t repeat = 1;
};

// The memory behind a loss::Sequences.
struct OwnedSequences {
  int64_t length = 0;
  int64_t uniform_count = 0;
  std::vector<int64_t> ends;
};

// The memory behind a loss::Column: an array, or what reads the request.
struct OwnedColumn {
  FloatArray values;
  std::unique_ptr<RequestColumn> in_request;  // may be null
};

// The memory behind a loss::Rollout.
struct OwnedRollout {
  OwnedColumn advantages;
  loss::AdvantageExtent advantage_extent = loss::AdvantageExtent::kSamples;
  OwnedColumn old_log_probs;
  OwnedColumn reference_log_probs;
  OwnedColumn sampler_log_probs;

  bool any_in_request() const {
    return advantages.in_request || old_log_probs.in_request || reference_log_probs.in_request ||
           sampler_log_probs.in_request;
  }

  // Returns true when what was read so far of the columns in the request is finite.
  bool all_finite() const {
    const auto is_finite = [](const OwnedColumn& column) {
      return column.in_request == nullptr || column.in_request->all_finite();
    };
    return is_finite(advantages) && is_finite(old_log_probs) && is_finite(reference_log_probs) &&
           is_finite(sampler_log_probs);
  }
};

// The tensors of a batch but for its logits, in the core's order, for one activation.
struct DecodedSamples {
  OwnedLabels labels;
  OwnedPerSample sample_weights;
  OwnedPerSample upstream_gradient;
  OwnedSequences sequences;  // where something reads them
  OwnedRollout rollout;
};

// Tells which samples of a batch are ignored, by their weight or their integer label. A view of
// what it is given.
class IgnoredSamples {
 public:
  IgnoredSamples(const DecodedSamples& samples, const LogitsLayout& layout,
                 loss::Activation activation, std::optional<int64_t> ignore_index);

  bool operator()(int64_t sample) const;

 private:
  const OwnedLabels& labels_;
  int64_t per_row_;
  std::optional<int64_t> ignore_index_;
  Weightless weightless_;
};

// Returns the logits, or nullopt after adding a violation. Large copies are in memory of `pool`,
// here and below.
std::optional<DecodedLogits> DecodeLogits(const BatchFields& fields, LogitStorage storage,
                                          BufferPool& pool, const Field& request);

// Returns the samples, or nullopt after adding what is wrong with the labels to the violations.
// Other tensors that are at fault may be left empty, so that the labels can still be checked. The
// values of labels and of the upstream gradient are not checked yet: that takes what is ignored.
std::optional<DecodedSamples> DecodeSamples(const BatchFields& fields, const LogitsLayout& layout,
                                            loss::Activation activation, BufferPool& pool,
                                            const Field& request);

// Returns which samples weigh 0; a view of `samples`.
Weightless FindWeightless(const DecodedSamples& samples, const LogitsLayout& layout,
                          loss::Activation activation);

// Adds to the violations the places where the upstream gradient of a sample that is not ignored is
// not finite.
void CheckUpstreamGradient(const DecodedSamples& samples, const LogitsLayout& layout,
                           loss::Activation activation, std::optional<int64_t> ignore_index,
                           const Field& field);

// Adds what is wrong with each tensor of the samples by itself. This is for logits that are at
// fault, so that no shape can be compared with theirs.
void CheckSampleTensors(const BatchFields& fields, const Field& request);

// Returns a view of both arguments, which outlive it.
loss::Batch ViewOf(const DecodedLogits& logits, const DecodedSamples& samples);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_BATCH_DECODER_H_
