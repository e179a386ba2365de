#include "client/src/chunks/batch_completion.h"

#include <cstdint>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "client/src/call/ask.h"
#include "client/src/chunks/whole_batch.h"
#include "client/src/convert/request_encoding.h"
#include "client/src/convert/response_decoding.h"
#include "lossd/class_weights.h"
#include "lossd/v1/class_weights.pb.h"

namespace lossd::client {
namespace {

// Returns v of each class, nothing when each is 1.
absl::StatusOr<std::vector<double>> FindClassWeights(const Connection& connection,
                                                     const ClassWeighting& weighting,
                                                     const CallOptions& call) {
  if (const auto* weights = std::get_if<std::vector<double>>(&weighting.source)) return *weights;
  const auto* scheme = std::get_if<SchemeWeights>(&weighting.source);
  if (scheme == nullptr) return std::vector<double>();
  ClassWeightsOptions options;
  options.schemes = {*scheme};
  options.schemes.front().counts.clear();
  const auto response = Ask<v1::ComputeClassWeightsResponse>(
      connection, "ComputeClassWeights", EncodeClassWeightsFromCounts(scheme->counts, options),
      call);
  if (!response.ok()) return response.status();
  const absl::StatusOr<ClassWeightsResult> result = DecodeClassWeights(*response);
  if (!result.ok()) return result.status();
  if (result->weights.size() != 1) {
    return absl::InternalError("the server's answer has no weights of the scheme asked for");
  }
  return result->weights.front().values;
}

int64_t ClassCount(const Shape& logits, const ComputeOptions& options) {
  return options.class_axis == 1 && logits.size() > 1 ? logits[1] : logits.back();
}

}  // namespace

absl::Status CompleteForChunks(const Connection& connection, const Shape& logits,
                               const Labels& labels, const CallOptions& call, LossSpec& loss,
                               ComputeOptions& options) {
  if (options.recording && options.recording->request_id.empty()) {
    options.recording->request_id = NewRequestId();
  }
  auto* scheme = std::get_if<SchemeWeights>(&loss.class_weighting.source);
  const auto* integers = std::get_if<ArrayView<int64_t>>(&labels);
  const bool softmax = loss.activation == Activation::kSoftmax;
  if (scheme != nullptr && scheme->counts.empty() && softmax && integers != nullptr) {
    scheme->counts = CountLabels(*integers, options.sample_weights, ClassCount(logits, options),
                                 loss.ignore_index);
  }
  if (options.reduction == Reduction::kSequenceMean && !options.normalizer) {
    options.normalizer = static_cast<double>(CountSequences(logits, labels, loss, options));
  }
  const bool mean =
      options.reduction == Reduction::kMean || options.reduction == Reduction::kMeanValid;
  if (!mean || options.normalizer) return absl::OkStatus();
  std::vector<double> weights;
  if (options.reduction == Reduction::kMean && softmax && integers != nullptr) {
    absl::StatusOr<std::vector<double>> found =
        FindClassWeights(connection, loss.class_weighting, call);
    if (!found.ok()) return found.status();
    weights = *std::move(found);
  }
  options.normalizer = FindDivisor(logits, labels, loss, options, weights);
  return absl::OkStatus();
}

}  // namespace lossd::client
