#include "client/src/convert/compute_decoding.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/src/convert/statistics_decoding.h"
#include "client/src/wire/tensor_codec.h"
#include "grpcpp/support/slice.h"

namespace lossd::client {
namespace {

absl::Status MissingField(absl::string_view field) {
  return absl::InternalError(absl::StrCat("the server's answer has no ", field));
}

// A per-sample array of the answer, and where it goes.
template <typename T>
struct PerSampleArray {
  absl::string_view field;
  int number;
  bool asked;
  bool present;
  const v1::Tensor& tensor;
  std::optional<absl::Span<T>> destination;
  std::optional<xt::xarray<T>>* array;
};

template <typename T>
absl::Status DecodeArray(const PerSampleArray<T>& array, const ComputeAnswer& answer) {
  if (!array.asked) return absl::OkStatus();
  if (!array.present) return MissingField(array.field);
  const std::string& data = array.tensor.data();
  const grpc::Slice parsed(data.data(), data.size(), grpc::Slice::STATIC_SLICE);
  const auto found = answer.elements.find(array.number);
  const ScatteredBytes elements =
      found == answer.elements.end() ? ScatteredBytes({&parsed, 1}) : found->second;
  if (array.destination) {
    return DecodeTensorTo<T>(array.field, array.tensor, elements, *array.destination);
  }
  absl::StatusOr<xt::xarray<T>> decoded = DecodeTensor<T>(array.field, array.tensor, elements);
  if (!decoded.ok()) return decoded.status();
  *array.array = *std::move(decoded);
  return absl::OkStatus();
}

template <typename T>
absl::Status DecodeArrays(const ComputeAnswer& answer, const OutputOptions& asked,
                          const Destinations<T>& to, Result<T>* result) {
  using Response = v1::ComputeResponse;
  const Response& response = answer.fields;
  const PerSampleArray<T> arrays[] = {
      {"losses", Response::kLossesFieldNumber, asked.losses, response.has_losses(),
       response.losses(), to.losses, &result->losses},
      {"gradient", Response::kGradientFieldNumber, asked.gradient, response.has_gradient(),
       response.gradient(), to.gradient, &result->gradient},
      {"hessian_diagonal", Response::kHessianDiagonalFieldNumber, asked.hessian_diagonal,
       response.has_hessian_diagonal(), response.hessian_diagonal(), to.hessian_diagonal,
       &result->hessian_diagonal},
      {"probabilities", Response::kProbabilitiesFieldNumber, asked.probabilities,
       response.has_probabilities(), response.probabilities(), to.probabilities,
       &result->probabilities},
      {"log_sum_exp", Response::kLogSumExpFieldNumber, asked.log_sum_exp,
       response.has_log_sum_exp(), response.log_sum_exp(), to.log_sum_exp, &result->log_sum_exp},
  };
  for (const PerSampleArray<T>& array : arrays) {
    if (absl::Status status = DecodeArray(array, answer); !status.ok()) return status;
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status DecodeStatistics(const v1::ComputeResponse& response, const OutputOptions& asked,
                              Result<T>* result) {
  if (asked.class_statistics) {
    if (!response.has_class_statistics()) return MissingField("class_statistics");
    result->class_statistics = DecodeClassStatistics(response.class_statistics());
  }
  if (asked.difficulty) {
    if (!response.has_difficulty()) return MissingField("difficulty");
    result->difficulty = DecodeDifficulty(response.difficulty());
  }
  return absl::OkStatus();
}

}  // namespace

template <typename T>
absl::StatusOr<Result<T>> DecodeCompute(const ComputeAnswer& answer, const OutputOptions& asked,
                                        const Destinations<T>& destinations) {
  const v1::ComputeResponse& response = answer.fields;
  Result<T> result;
  absl::Status status = DecodeArrays(answer, asked, destinations, &result);
  if (status.ok()) status = DecodeStatistics(response, asked, &result);
  if (!status.ok()) return status;
  result.loss = response.loss();
  result.loss_sum = response.loss_sum();
  result.weight_sum = response.weight_sum();
  result.valid_count = response.valid_count();
  result.non_finite_count = response.non_finite_count();
  result.top_k_correct.assign(response.top_k_correct().begin(), response.top_k_correct().end());
  if (result.top_k_correct.size() != asked.top_k.size()) {
    return MissingField("top_k_correct for each top_k");
  }
  if (response.has_class_weights()) {
    const auto weights = DecodeTensor<double>("class_weights", response.class_weights());
    if (!weights.ok()) return weights.status();
    result.class_weights.assign(weights->begin(), weights->end());
  }
  return result;
}

template absl::StatusOr<Result<float>> DecodeCompute(const ComputeAnswer&, const OutputOptions&,
                                                     const Destinations<float>&);
template absl::StatusOr<Result<double>> DecodeCompute(const ComputeAnswer&, const OutputOptions&,
                                                      const Destinations<double>&);

}  // namespace lossd::client
