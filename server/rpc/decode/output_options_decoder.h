#ifndef LOSSD_SERVER_RPC_DECODE_OUTPUT_OPTIONS_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_OUTPUT_OPTIONS_DECODER_H_

#include "lossd/v1/compute.pb.h"
#include "server/loss/loss_spec.h"
#include "server/loss/options.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/errors/field_violations.h"

namespace lossd::rpc {

inline constexpr Range kHardThresholdRange = Range::Inside(0, 1);

// What goes into the response beside the scalars.
struct OutputSelection {
  bool losses = true;
  bool gradient = false;
  bool hessian_diagonal = false;
  bool probabilities = false;
  bool log_sum_exp = false;
  bool class_weights = true;
  bool present_classes_only = false;
  v1::DataType gradient_type = v1::DATA_TYPE_UNSPECIFIED;  // UNSPECIFIED: the logits'
};

OutputSelection SelectOutputs(const v1::OutputOptions& outputs);

// Puts what `outputs` says of the computation itself into `options`, and adds to `violations` what
// is out of range or cannot act with `activation`.
void DecodeOutputOptions(const v1::OutputOptions& outputs, loss::Activation activation,
                         loss::ComputeOptions& options, FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_OUTPUT_OPTIONS_DECODER_H_
