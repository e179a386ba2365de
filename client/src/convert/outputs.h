#ifndef LOSSD_CLIENT_SRC_CONVERT_OUTPUTS_H_
#define LOSSD_CLIENT_SRC_CONVERT_OUTPUTS_H_

#include <array>
#include <cstddef>
#include <iterator>
#include <optional>

#include "absl/strings/string_view.h"
#include "lossd/compute.h"
#include "lossd/result_memory.h"
#include "lossd/v1/compute.pb.h"
#include "xtensor/xarray.hpp"

namespace lossd::client {

// The shape of an output.
enum class Extent {
  kSamples,  // the losses' shape: one element for each sample
  kLogits,   // the logits' shape
};

// The meaning of a flag in a request.
enum class Flag {
  kSend,
  kOmit,
};

// An array of a Result<T>: one for each sample or for each logit.
template <typename T>
struct Output {
  absl::string_view name;
  Extent extent;
  Flag flag;

  bool OutputOptions::*asked;
  OptionalMemory ResultMemory::*memory;
  std::optional<xt::xarray<T>> Result<T>::*array;

  void (v1::OutputOptions::*set_flag)(bool);
  bool (v1::ComputeResponse::*has)() const;
  const v1::Tensor& (v1::ComputeResponse::*get)() const;
  int field_number;  // of the tensor in a ComputeResponse
};

// Every such array. Requests, destinations, decoding and chunks loop over this table, so that a new
// output is a row here and its fields in lossd/compute.h and lossd/result_memory.h.
template <typename T>
inline constexpr Output<T> kOutputs[] = {
    {"losses", Extent::kSamples, Flag::kOmit, &OutputOptions::losses, &ResultMemory::losses,
     &Result<T>::losses, &v1::OutputOptions::set_omit_losses, &v1::ComputeResponse::has_losses,
     &v1::ComputeResponse::losses, v1::ComputeResponse::kLossesFieldNumber},
    {"gradient", Extent::kLogits, Flag::kSend, &OutputOptions::gradient, &ResultMemory::gradient,
     &Result<T>::gradient, &v1::OutputOptions::set_gradient, &v1::ComputeResponse::has_gradient,
     &v1::ComputeResponse::gradient, v1::ComputeResponse::kGradientFieldNumber},
    {"hessian_diagonal", Extent::kLogits, Flag::kSend, &OutputOptions::hessian_diagonal,
     &ResultMemory::hessian_diagonal, &Result<T>::hessian_diagonal,
     &v1::OutputOptions::set_hessian_diagonal, &v1::ComputeResponse::has_hessian_diagonal,
     &v1::ComputeResponse::hessian_diagonal, v1::ComputeResponse::kHessianDiagonalFieldNumber},
    {"probabilities", Extent::kLogits, Flag::kSend, &OutputOptions::probabilities,
     &ResultMemory::probabilities, &Result<T>::probabilities, &v1::OutputOptions::set_probabilities,
     &v1::ComputeResponse::has_probabilities, &v1::ComputeResponse::probabilities,
     v1::ComputeResponse::kProbabilitiesFieldNumber},
    {"log_sum_exp", Extent::kSamples, Flag::kSend, &OutputOptions::log_sum_exp,
     &ResultMemory::log_sum_exp, &Result<T>::log_sum_exp, &v1::OutputOptions::set_log_sum_exp,
     &v1::ComputeResponse::has_log_sum_exp, &v1::ComputeResponse::log_sum_exp,
     v1::ComputeResponse::kLogSumExpFieldNumber},
    {"margin", Extent::kSamples, Flag::kSend, &OutputOptions::margin, &ResultMemory::margin,
     &Result<T>::margin, &v1::OutputOptions::set_margin, &v1::ComputeResponse::has_margin,
     &v1::ComputeResponse::margin, v1::ComputeResponse::kMarginFieldNumber},
};

inline constexpr size_t kOutputCount = std::size(kOutputs<float>);

// A value for each output, in the order of the table.
template <typename Value>
using PerOutput = std::array<Value, kOutputCount>;

// Returns the index of the output whose tensor is the field `number`. There must be one.
constexpr size_t OutputWithField(int number) {
  size_t row = 0;
  while (kOutputs<float>[row].field_number != number) ++row;
  return row;
}

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_OUTPUTS_H_
