#include "client/src/convert/response_decoding.h"

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/src/convert/loss_spec_decoding.h"
#include "client/src/convert/statistics_decoding.h"
#include "client/src/wire/tensor_codec.h"

namespace lossd::client {
namespace {

absl::Status MissingField(absl::string_view field) {
  return absl::InternalError(absl::StrCat("the server's answer has no ", field));
}

template <typename T>
absl::Status DecodeInto(absl::string_view field, const v1::Tensor& tensor,
                        std::optional<xt::xarray<T>>& array) {
  absl::StatusOr<xt::xarray<T>> decoded = DecodeTensor<T>(field, tensor);
  if (!decoded.ok()) return decoded.status();
  array = *std::move(decoded);
  return absl::OkStatus();
}

template <typename T>
std::vector<T> ToVector(const google::protobuf::RepeatedField<T>& values) {
  return {values.begin(), values.end()};
}

// Returns the time of a Duration, or that of a Timestamp since its zero.
template <typename Message>
absl::Duration DurationOf(const Message& message) {
  return absl::Seconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

LossParameter Decode(const v1::LossParameter& message) {
  LossParameter parameter;
  parameter.name = message.name();
  if (message.has_default_value()) parameter.default_value = message.default_value();
  if (message.has_minimum()) parameter.minimum = message.minimum();
  if (message.has_maximum()) parameter.maximum = message.maximum();
  parameter.minimum_exclusive = message.minimum_exclusive();
  parameter.maximum_exclusive = message.maximum_exclusive();
  parameter.description = message.description();
  return parameter;
}

}  // namespace

absl::StatusOr<CompareResult> DecodeCompare(const v1::CompareResponse& response, size_t loss_count,
                                            const CompareOptions& asked) {
  if (static_cast<size_t>(response.comparisons_size()) != loss_count) {
    return absl::InternalError(absl::StrCat("the server compared ", response.comparisons_size(),
                                            " losses of the ", loss_count, " asked for"));
  }
  CompareResult result;
  for (const auto& message : response.comparisons()) {
    LossComparison comparison;
    comparison.loss = message.loss();
    comparison.loss_sum = message.loss_sum();
    comparison.gradient_norm = message.gradient_norm();
    comparison.vanishing_count = message.vanishing_count();
    if (asked.class_statistics) {
      if (!message.has_class_statistics()) return MissingField("class_statistics");
      comparison.class_statistics = DecodeClassStatistics(message.class_statistics());
    }
    if (asked.difficulty) {
      if (!message.has_difficulty()) return MissingField("difficulty");
      comparison.difficulty = DecodeDifficulty(message.difficulty());
    }
    if (message.has_policy_statistics()) {
      comparison.policy_statistics = DecodePolicyStatistics(message.policy_statistics());
    }
    result.comparisons.push_back(std::move(comparison));
  }
  return result;
}

absl::StatusOr<ClassWeightsResult> DecodeClassWeights(
    const v1::ComputeClassWeightsResponse& response) {
  ClassWeightsResult result;
  result.counts = ToVector(response.counts());
  result.frequencies = ToVector(response.frequencies());
  result.empty_classes = ToVector(response.empty_classes());
  for (const auto& message : response.weights()) {
    const std::optional<WeightScheme> scheme = DecodeWeightScheme(message.scheme());
    if (!scheme) continue;
    ClassWeights weights;
    weights.scheme = *scheme;
    weights.normalization = DecodeNormalization(message.normalization());
    weights.values = ToVector(message.values());
    if (message.has_beta()) weights.beta = message.beta();
    result.weights.push_back(std::move(weights));
  }
  if (response.has_imbalance_ratio()) result.imbalance_ratio = response.imbalance_ratio();
  if (response.has_alpha()) result.alpha = response.alpha();
  return result;
}

absl::StatusOr<Information> DecodeInformation(const v1::MeasureInformationResponse& response) {
  Information information;
  if (!response.has_entropy()) return MissingField("entropy");
  absl::StatusOr<xt::xarray<double>> entropy = DecodeTensor<double>("entropy", response.entropy());
  if (!entropy.ok()) return entropy.status();
  information.entropy = *std::move(entropy);
  absl::Status status;
  if (response.has_self_information()) {
    status.Update(
        DecodeInto("self_information", response.self_information(), information.self_information));
  }
  if (response.has_cross_entropy()) {
    status.Update(DecodeInto("cross_entropy", response.cross_entropy(), information.cross_entropy));
  }
  if (response.has_kl_divergence()) {
    status.Update(DecodeInto("kl_divergence", response.kl_divergence(), information.kl_divergence));
  }
  if (response.has_jensen_shannon()) {
    status.Update(
        DecodeInto("jensen_shannon", response.jensen_shannon(), information.jensen_shannon));
  }
  if (!status.ok()) return status;
  return information;
}

std::vector<LossInfo> DecodeCatalogue(const v1::ListLossesResponse& response) {
  std::vector<LossInfo> losses;
  for (const auto& message : response.losses()) {
    LossInfo info;
    info.name = message.name();
    info.formula = message.formula();
    info.reference = message.reference();
    for (const int activation : message.activations()) {
      const auto known = DecodeActivation(activation);
      if (known) info.activations.push_back(*known);
    }
    for (const auto& parameter : message.parameters()) info.parameters.push_back(Decode(parameter));
    losses.push_back(std::move(info));
  }
  return losses;
}

ServerInfo DecodeServerInfo(const v1::GetServerInfoResponse& response) {
  ServerInfo info;
  info.version = response.version();
  info.simd_instruction_set = response.simd_instruction_set();
  info.thread_count = response.thread_count();
  info.max_message_bytes = response.max_message_bytes();
  info.max_in_flight_bytes = response.max_in_flight_bytes();
  info.max_stream_window = response.max_stream_window();
  info.in_flight_bytes = response.in_flight_bytes();
  if (response.has_start_time()) {
    info.start_time = absl::UnixEpoch() + DurationOf(response.start_time());
  }
  info.features.assign(response.features().begin(), response.features().end());
  if (response.has_min_ping_interval()) {
    info.min_ping_interval = DurationOf(response.min_ping_interval());
  }
  return info;
}

}  // namespace lossd::client
