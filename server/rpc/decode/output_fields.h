#ifndef LOSSD_SERVER_RPC_DECODE_OUTPUT_FIELDS_H_
#define LOSSD_SERVER_RPC_DECODE_OUTPUT_FIELDS_H_

#include <cstddef>

#include "lossd/v1/compute.pb.h"
#include "server/loss/outputs.h"

namespace lossd::rpc {

// How the option of an output is read.
enum class OutputOption { kAsks, kOmits };

// The fields of one output in the contract: the option of OutputOptions that asks for it or omits
// it, and its tensor in ComputeResponse.
struct OutputFields {
  loss::Output output;
  bool (v1::OutputOptions::*option)() const;
  OutputOption reads_as;
  int response_field;
  v1::Tensor* (v1::ComputeResponse::*mutable_tensor)();

  bool IsWanted(const v1::OutputOptions& outputs) const {
    return (outputs.*option)() == (reads_as == OutputOption::kAsks);
  }
};

// One row for each row of loss::kOutputTable, in its order. A new output needs no other line in
// rpc.
inline constexpr OutputFields kOutputFields[] = {
    {loss::Output::kLosses, &v1::OutputOptions::omit_losses, OutputOption::kOmits,
     v1::ComputeResponse::kLossesFieldNumber, &v1::ComputeResponse::mutable_losses},
    {loss::Output::kGradient, &v1::OutputOptions::gradient, OutputOption::kAsks,
     v1::ComputeResponse::kGradientFieldNumber, &v1::ComputeResponse::mutable_gradient},
    {loss::Output::kHessianDiagonal, &v1::OutputOptions::hessian_diagonal, OutputOption::kAsks,
     v1::ComputeResponse::kHessianDiagonalFieldNumber,
     &v1::ComputeResponse::mutable_hessian_diagonal},
    {loss::Output::kProbabilities, &v1::OutputOptions::probabilities, OutputOption::kAsks,
     v1::ComputeResponse::kProbabilitiesFieldNumber, &v1::ComputeResponse::mutable_probabilities},
    {loss::Output::kLogSumExp, &v1::OutputOptions::log_sum_exp, OutputOption::kAsks,
     v1::ComputeResponse::kLogSumExpFieldNumber, &v1::ComputeResponse::mutable_log_sum_exp},
    {loss::Output::kMargin, &v1::OutputOptions::margin, OutputOption::kAsks,
     v1::ComputeResponse::kMarginFieldNumber, &v1::ComputeResponse::mutable_margin},
};

static_assert(sizeof(kOutputFields) / sizeof(OutputFields) == loss::kOutputCount);

// Returns the row of `output`.
constexpr const OutputFields& FieldsOf(loss::Output output) {
  return kOutputFields[static_cast<size_t>(output)];
}

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_OUTPUT_FIELDS_H_
