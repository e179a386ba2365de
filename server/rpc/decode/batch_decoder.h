#ifndef LOSSD_SERVER_RPC_DECODE_BATCH_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_BATCH_DECODER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/decode/label_decoder.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/aligned_array.h"
#include "server/rpc/tensor/logits_layout.h"
#include "server/rpc/tensor/tensor_view.h"
#include "server/rpc/wire/split_message.h"

namespace lossd::rpc {

// The tensors of a batch as they stand in a request: absent ones were not set. A further parser has
// to fill in this, and nothing of what follows depends on who did.
struct BatchFields {
  std::optional<TensorFields> logits;
  std::optional<TensorFields> labels;
  std::optional<TensorFields> sample_weights;
  std::optional<TensorFields> upstream_gradient;
  std::optional<int32_t> class_axis;
};

// Of a ComputeRequest or a CompareRequest. The arguments must outlive it.
BatchFields FieldsOf(const v1::ComputeRequest& request, const TensorPayloads& payloads);
BatchFields FieldsOf(const v1::CompareRequest& request, const TensorPayloads& payloads);

struct DecodedLogits {
  LogitsLayout layout;
  v1::DataType type = v1::DATA_TYPE_UNSPECIFIED;  // as sent; never UNSPECIFIED once decoded
  TensorStyle style = TensorStyle::kData;
  FloatArray values;  // in the layout that they were sent in; empty where there is a reader
  std::unique_ptr<loss::LogitReader> reader;
};

// Whether a batch's logits may stay in the request, for whoever computes it once: the memory of
// those that were read is given up.
enum class LogitStorage { kCopied, kInRequest };

// One number per sample, or per `repeat` consecutive samples; empty when it was not set.
struct OwnedPerSample {
  std::vector<double> values;
  int64_t repeat = 1;
};

// What stands beside the logits, in the core's order, for one activation.
struct DecodedSamples {
  OwnedLabels labels;
  OwnedPerSample sample_weights;
  OwnedPerSample upstream_gradient;
};

// nullopt after adding to `violations`. Here and below large copies are in memory of `pool`.
std::optional<DecodedLogits> DecodeLogits(const BatchFields& fields, LogitStorage storage,
                                          BufferPool& pool, FieldViolations& violations);

// nullopt after adding to `violations` what is wrong with the labels. What is wrong with the other
// tensors is added too, and leaves them empty, so that the labels can still be looked at.
std::optional<DecodedSamples> DecodeSamples(const BatchFields& fields, const LogitsLayout& layout,
                                            loss::Activation activation, BufferPool& pool,
                                            FieldViolations& violations);

// When the logits are at fault and nothing can be held against their shape: adds to `violations`
// what is wrong with each of the other tensors by itself.
void CheckSampleTensors(const BatchFields& fields, FieldViolations& violations);

// Views of both arguments, which must outlive it.
loss::Batch BatchOf(const DecodedLogits& logits, const DecodedSamples& samples);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_BATCH_DECODER_H_
