#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "server/loss/cancelled_call.h"
#include "server/loss/class_weights.h"
#include "server/loss/work.h"
#include "server/rpc/decode/class_counts_decoder.h"
#include "server/rpc/decode/class_weighting_decoder.h"
#include "server/rpc/decode/decoding_work.h"
#include "server/rpc/decode/unbuilt_options.h"
#include "server/rpc/decode/weight_schemes.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/handlers/asked_work.h"
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
  schemes.reserve(static_cast<size_t>(request.schemes_size()));
  for (int i = 0; i < request.schemes_size(); ++i) {
    schemes.push_back(DecodeScheme(request.schemes(i), field[i]));
    if (request.schemes(i).has_counts()) {
      field[i]["counts"].Refuse("is set, expected none beside the request's labels or counts");
    }
  }
  return schemes;
}

// Returns an error when the response would not fit a message.
absl::Status CheckResponseFits(int64_t classes, size_t schemes, int64_t max_message_bytes) {
  ResponseSize size;
  for (size_t column = 0; column < 2 + schemes; ++column) size.AddDoubles(classes);
  return size.Check(max_message_bytes);
}

// Returns what the weights of so many classes take: computed, in the message, and in its bytes.
loss::Work WorkOf(int64_t class_count, size_t scheme_count) {
  constexpr double kBytesOfNumber = 2 * sizeof(double);
  constexpr double kBytesOfScheme = 256;
  constexpr double kNanosecondsOfNumber = 10;
  const auto classes = static_cast<double>(class_count);
  const auto schemes = static_cast<double>(scheme_count);
  // Counts, frequencies, and the list of empty classes are columns too; the first is decoded.
  const double columns = 4 + schemes;
  loss::Work work = {kNanosecondsOfNumber * columns * classes,
                     kBytesOfNumber * columns * classes + kBytesOfScheme * schemes};
  work.bytes += loss::WorkOfClassWeights(classes).bytes;
  work.operations += schemes * loss::WorkOfClassWeights(classes).operations;
  return work;
}

absl::StatusOr<ClassWeightsCall> DecodeClassWeightsRequest(
    const v1::ComputeClassWeightsRequest& request, int64_t max_message_bytes, AskedWork& asked,
    const Cancellation& cancellation) {
  if (absl::Status built = CheckBuilt(request); !built.ok()) return built;

  FieldViolations violations;
  const Field field(violations, cancellation);
  ClassWeightsCall call;
  call.schemes = DecodeSchemes(request, field["schemes"]);
  const auto admit = [&](int64_t class_count) {
    absl::Status fits = CheckResponseFits(class_count, call.schemes.size(), max_message_bytes);
    return fits.ok() ? asked.Ask(WorkOf(class_count, call.schemes.size())) : fits;
  };
  auto counts = DecodeClassCounts(request, admit, field);
  if (!counts.ok()) return counts.status();
  call.counts = *std::move(counts);
  if (cancellation.seen()) return loss::CancelledCall();
  call.total = std::accumulate(call.counts.begin(), call.counts.end(), 0.0);
  CheckSum(call.counts, field[request.has_counts() ? "counts" : "labels"]);
  if (!violations.empty()) return violations.ToStatus();
  return call;
}

void EncodeWeights(const loss::SchemeWeights& scheme, absl::Span<const double> counts,
                   const Cancellation& cancellation, v1::ClassWeights& message) {
  message.set_scheme(EncodeWeightScheme(scheme.scheme));
  message.set_normalization(EncodeNormalization(loss::ResolveNormalization(scheme)));
  const std::vector<double> weights = loss::ComputeClassWeights(counts, scheme, cancellation);
  message.mutable_values()->Assign(weights.begin(), weights.end());
  if (scheme.scheme == loss::WeightScheme::kEffectiveNumber) message.set_beta(scheme.beta);
}

// Returns the response, which is incomplete if a cancellation was seen.
v1::ComputeClassWeightsResponse EncodeClassWeights(const ClassWeightsCall& call,
                                                   const Cancellation& cancellation) {
  const auto frequency = [&call](double count) { return call.total > 0 ? count / call.total : 0; };
  v1::ComputeClassWeightsResponse response;
  response.mutable_counts()->Assign(call.counts.begin(), call.counts.end());
  response.mutable_frequencies()->Reserve(static_cast<int>(call.counts.size()));
  for (const double count : call.counts) response.add_frequencies(frequency(count));
  for (const loss::SchemeWeights& scheme : call.schemes) {
    if (cancellation.Ask()) return response;
    EncodeWeights(scheme, call.counts, cancellation, *response.add_weights());
  }
  const std::vector<int64_t> empty = loss::EmptyClasses(call.counts);
  response.mutable_empty_classes()->Assign(empty.begin(), empty.end());
  response.set_imbalance_ratio(loss::ImbalanceRatio(call.counts));
  if (call.counts.size() == 2) response.set_alpha(frequency(call.counts[0]));
  return response;
}

}  // namespace

absl::StatusOr<v1::ComputeClassWeightsResponse> Handlers::ComputeClassWeights(
    const v1::ComputeClassWeightsRequest& request, const CallContext& context) const {
  const Cancellation cancellation(context.cancelled);
  AskedWork asked(options_.limits, context);
  absl::Status admitted = asked.AskBefore(DecodingWork(request));
  if (!admitted.ok()) return admitted;
  const auto call =
      DecodeClassWeightsRequest(request, options_.limits.max_message_bytes, asked, cancellation);
  if (!call.ok()) return call.status();
  v1::ComputeClassWeightsResponse response = EncodeClassWeights(*call, cancellation);
  if (cancellation.seen()) return loss::CancelledCall();
  return response;
}

}  // namespace lossd::rpc
