#ifndef LOSSD_SERVER_RPC_DECODE_OUTPUT_OPTIONS_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_OUTPUT_OPTIONS_DECODER_H_

#include "lossd/v1/compute.pb.h"
#include "server/loss/loss_spec.h"
#include "server/loss/options.h"
#include "server/loss/outputs.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {

inline constexpr Range kHardThresholdRange = Range::Inside(0, 1);

// The parts of the response that are sent in addition to the scalars.
struct OutputSelection {
  loss::PerOutput<bool> arrays;
  bool class_weights = true;
  bool applied = false;  // the loss and the reduction, every default filled in
  v1::DataType gradient_type = v1::DATA_TYPE_UNSPECIFIED;  // UNSPECIFIED: the logits'
};

// Returns what `outputs` asks for, of a batch whose logits have this style.
OutputSelection SelectOutputs(const v1::OutputOptions& outputs, TensorStyle style);

// Writes what the options at `field` say about the computation to `options`. Adds what is out of
// range or does not act with `activation` to the violations.
void DecodeOutputOptions(const v1::OutputOptions& outputs, loss::Activation activation,
                         const Field& field, loss::ComputeOptions& options);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_OUTPUT_OPTIONS_DECODER_H_
