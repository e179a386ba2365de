#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "server/loss/class_weights.h"
#include "server/rpc/decode/class_counts_decoder.h"
#include "server/rpc/decode/class_weighting_decoder.h"
#include "server/rpc/decode/unbuilt_options.h"
#include "server/rpc/decode/weight_schemes.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/tensor/response_size.h"

namespace lossd::rpc {
namespace {

// A valid ComputeClassWeightsRequest in the core's terms.
struct ClassWeightsCall {
  std::vector<double> counts;
  double total = 0;
  std::vector<loss::SchemeWeights> schemes;
};

absl::Status CheckBuilt(const v1::ComputeClassWeightsRequest& request) {
  UnbuiltOptions unbuilt;
  for (int i = 0; i < request.schemes_size(); ++i) {
    unbuilt.AddUnknownFields(request.schemes(i), FieldPath()["schemes"][i]);
  }
  return unbuilt.ToStatus();
}

// Returns every scheme with the defaults of its options.
std::vector<loss::SchemeWeights> AllSchemes() {
  std::vector<loss::SchemeWeights> schemes;
  for (const WeightSchemeRow& row : kWeightSchemes) {
    loss::SchemeWeights with_defaults;
    with_defaults.scheme = row.core;
    schemes.push_back(std::move(with_defaults));
  }
  return schemes;
}

std::vector<loss::SchemeWeights> DecodeSchemes(const v1::ComputeClassWeightsRequest& request,
                                               const Field& field) {
  if (request.schemes().empty()) return AllSchemes();
  std::vector<loss::SchemeWeights> schemes;
  for (int i = 0; i < request.schemes_size(); ++i) {
    schemes.push_back(DecodeScheme(request.schemes(i), field[i]));
    if (request.schemes(i).has_counts()) {
      field[i]["counts"].Refuse("is set, expected none beside the request's labels or counts");
    }
  }
  return schemes;
}

absl::StatusOr<ClassWeightsCall> DecodeClassWeightsRequest(
    const v1::ComputeClassWeightsRequest& request, int64_t max_message_bytes) {
  if (absl::Status built = CheckBuilt(request); !built.ok()) return built;

  FieldViolations violations;
  const Field field(violations);
  ClassWeightsCall call;
  call.schemes = DecodeSchemes(request, field["schemes"]);
  auto counts = DecodeClassCounts(request, max_message_bytes, field);
  if (!counts.ok()) return counts.status();
  call.counts = *std::move(counts);
  call.total = std::accumulate(call.counts.begin(), call.counts.end(), 0.0);
  CheckSum(call.counts, field[request.has_counts() ? "counts" : "labels"]);
  if (!violations.empty()) return violations.ToStatus();
  return call;
}

absl::Status CheckResponseFits(const ClassWeightsCall& call, int64_t max_message_bytes) {
  ResponseSize size;
  for (size_t column = 0; column < 2 + call.schemes.size(); ++column) {
    size.AddDoubles(static_cast<int64_t>(call.counts.size()));
  }
  return size.Check(max_message_bytes);
}

v1::WeightScheme EncodeWeightScheme(loss::WeightScheme scheme) {
  for (const WeightSchemeRow& row : kWeightSchemes) {
    if (row.core == scheme) return row.wire;
  }
  return v1::WEIGHT_SCHEME_UNSPECIFIED;
}

v1::Normalization EncodeNormalization(loss::Normalization normalization) {
  for (const NormalizationRow& row : kNormalizations) {
    if (row.core == normalization) return row.wire;
  }
  return v1::NORMALIZATION_UNSPECIFIED;
}

void EncodeWeights(const loss::SchemeWeights& scheme, absl::Span<const double> counts,
                   v1::ClassWeights& message) {
  message.set_scheme(EncodeWeightScheme(scheme.scheme));
  message.set_normalization(EncodeNormalization(loss::ResolveNormalization(scheme)));
  const std::vector<double> weights = loss::ComputeClassWeights(counts, scheme);
  message.mutable_values()->Assign(weights.begin(), weights.end());
  if (scheme.scheme == loss::WeightScheme::kEffectiveNumber) message.set_beta(scheme.beta);
}

v1::ComputeClassWeightsResponse EncodeClassWeights(const ClassWeightsCall& call) {
  const auto frequency = [&call](double count) { return call.total > 0 ? count / call.total : 0; };
  v1::ComputeClassWeightsResponse response;
  response.mutable_counts()->Assign(call.counts.begin(), call.counts.end());
  for (const double count : call.counts) response.add_frequencies(frequency(count));
  for (const loss::SchemeWeights& scheme : call.schemes) {
    EncodeWeights(scheme, call.counts, *response.add_weights());
  }
  const std::vector<int64_t> empty = loss::EmptyClasses(call.counts);
  response.mutable_empty_classes()->Assign(empty.begin(), empty.end());
  response.set_imbalance_ratio(loss::ImbalanceRatio(call.counts));
  if (call.counts.size() == 2) response.set_alpha(frequency(call.counts[0]));
  return response;
}

}  // namespace

absl::StatusOr<v1::ComputeClassWeightsResponse> Handlers::ComputeClassWeights(
    const v1::ComputeClassWeightsRequest& request, const CallContext&) const {
  const auto call = DecodeClassWeightsRequest(request, options_.limits.max_message_bytes);
  if (!call.ok()) return call.status();
  absl::Status fits = CheckResponseFits(*call, options_.limits.max_message_bytes);
  if (!fits.ok()) return fits;
  return EncodeClassWeights(*call);
}

}  // namespace lossd::rpc
