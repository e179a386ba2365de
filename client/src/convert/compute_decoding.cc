#include "client/src/convert/compute_decoding.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/src/convert/loss_spec_decoding.h"
#include "client/src/convert/outputs.h"
#include "client/src/convert/statistics_decoding.h"
#include "client/src/wire/tensor_codec.h"

namespace lossd::client {
namespace {

absl::Status MissingField(absl::string_view field) {
  return absl::InternalError(absl::StrCat("the server's answer has no ", field));
}

// Reads one array of the response, to `destination` if there is one and else to `result`.
template <typename T>
absl::Status DecodeArray(const Output<T>& output, const ReceivedResponse& response,
                         std::optional<absl::Span<T>> destination, Result<T>& result) {
  if (!(response.message.*output.has)()) return MissingField(output.name);
  const v1::Tensor& tensor = (response.message.*output.get)();
  const wire::BytePieces data = response.DataOf(output.field_number, tensor);
  if (destination) return DecodeTensorTo<T>(output.name, tensor, data, *destination);
  absl::StatusOr<xt::xarray<T>> array = DecodeTensor<T>(output.name, tensor, data);
  if (!array.ok()) return array.status();
  result.*output.array = *std::move(array);
  return absl::OkStatus();
}

template <typename T>
absl::Status DecodeArrays(const ReceivedResponse& response, const OutputOptions& asked,
                          const Destinations<T>& destinations, Result<T>& result) {
  for (size_t i = 0; i < kOutputCount; ++i) {
    const Output<T>& output = kOutputs<T>[i];
    if (!(asked.*output.asked)) continue;
    absl::Status status = DecodeArray(output, response, destinations[i], result);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status DecodeStatistics(const v1::ComputeResponse& response, const OutputOptions& asked,
                              Result<T>& result) {
  if (asked.class_statistics) {
    if (!response.has_class_statistics()) return MissingField("class_statistics");
    result.class_statistics = DecodeClassStatistics(response.class_statistics());
  }
  if (asked.difficulty) {
    if (!response.has_difficulty()) return MissingField("difficulty");
    result.difficulty = DecodeDifficulty(response.difficulty());
  }
  if (asked.policy_statistics) {
    if (!response.has_policy_statistics()) return MissingField("policy_statistics");
    result.policy_statistics = DecodePolicyStatistics(response.policy_statistics());
  }
  if (response.has_sequence_count()) result.sequence_count = response.sequence_count();
  return absl::OkStatus();
}

template <typename T>
absl::Status DecodeClassWeights(const ReceivedResponse& response, Result<T>& result) {
  if (!response.message.has_class_weights()) return absl::OkStatus();
  const v1::Tensor& tensor = response.message.class_weights();
  const auto weights =
      DecodeTensor<double>("class_weights", tensor,
                           response.DataOf(v1::ComputeResponse::kClassWeightsFieldNumber, tensor));
  if (!weights.ok()) return weights.status();
  result.class_weights.assign(weights->begin(), weights->end());
  return absl::OkStatus();
}

template <typename T>
absl::Status DecodeApplied(const v1::ComputeResponse& response, const OutputOptions& asked,
                           Result<T>& result) {
  if (!asked.applied) return absl::OkStatus();
  if (!response.has_applied()) return MissingField("applied");
  absl::StatusOr<AppliedLoss> applied = DecodeAppliedLoss(response.applied());
  if (!applied.ok()) return applied.status();
  result.applied = *std::move(applied);
  return absl::OkStatus();
}

}  // namespace

template <typename T>
absl::StatusOr<Result<T>> DecodeCompute(const ReceivedResponse& response,
                                        const OutputOptions& asked,
                                        const Destinations<T>& destinations) {
  const v1::ComputeResponse& message = response.message;
  Result<T> result;
  absl::Status status = DecodeArrays(response, asked, destinations, result);
  if (status.ok()) status = DecodeStatistics(message, asked, result);
  if (!status.ok()) return status;
  result.loss = message.loss();
  result.loss_sum = message.loss_sum();
  result.weight_sum = message.weight_sum();
  result.valid_count = message.valid_count();
  result.non_finite_count = message.non_finite_count();
  result.top_k_correct.assign(message.top_k_correct().begin(), message.top_k_correct().end());
  if (result.top_k_correct.size() != asked.top_k.size()) {
    return MissingField("top_k_correct for each top_k");
  }
  status = DecodeClassWeights(response, result);
  if (status.ok()) status = DecodeApplied(message, asked, result);
  if (!status.ok()) return status;
  return result;
}

template absl::StatusOr<Result<float>> DecodeCompute(const ReceivedResponse&, const OutputOptions&,
                                                     const Destinations<float>&);
template absl::StatusOr<Result<double>> DecodeCompute(const ReceivedResponse&, const OutputOptions&,
                                                      const Destinations<double>&);

}  // namespace lossd::client
