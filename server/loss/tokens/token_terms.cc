#include "server/loss/tokens/token_terms.h"

#include <cstddef>
#include <cstdint>

#include "server/loss/blocks/sample_labels.h"
#include "server/loss/tokens/sequence_sums.h"

namespace lossd::loss {
namespace {

// Returns the mean of value(i) over the samples of each sequence that are not ignored; 0 where all
// are.
template <typename Value>
std::vector<double> MeansOf(const Batch& batch, const LossSpec& spec, const MiningDecision& decided,
                            const Cancellation& cancellation, Value value) {
  const int64_t per_row = spec.activation == Activation::kSigmoid ? batch.classes : 1;
  const ElementLabels labels(batch, spec.ignore_index, decided.dropped, per_row);
  const auto is_used = [&](int64_t i) {
    return !(per_row == 1 ? labels.ignored(i, 0) : labels.ignored(i / per_row, i % per_row));
  };
  const int64_t samples = batch.rows * per_row;
  std::vector<double> means = SumSequences(batch.sequences, samples, cancellation, [&](int64_t i) {
    return is_used(i) ? value(static_cast<size_t>(i)) : 0;
  });
  const std::vector<double> counts = SumSequences(batch.sequences, samples, cancellation,
                                                  [&](int64_t i) { return is_used(i) ? 1 : 0; });
  for (size_t i = 0; i < means.size(); ++i) means[i] = counts[i] == 0 ? 0 : means[i] / counts[i];
  return means;
}

}  // namespace

template <typename T>
TokenTerms::TokenTerms(const Batch& batch, const LossSpec& spec, const MiningDecision& decided,
                       absl::Span<const T> log_p, const Cancellation& cancellation) {
  const Rollout& rollout = batch.rollout;
  const auto means_of_differences = [&](auto minuend, auto subtrahend) {
    return MeansOf(batch, spec, decided, cancellation, [&](size_t i) {
      return static_cast<double>(minuend[i]) - static_cast<double>(subtrahend[i]);
    });
  };
  if (spec.policy.ratio.level == RatioLevel::kSequence) {
    log_ratios_ = VisitWhole(rollout.old_log_probs,
                             [&](auto old) { return means_of_differences(log_p, old); });
  }
  const auto& weighting = spec.policy.importance_weighting;
  if (weighting && weighting->level == RatioLevel::kSequence) {
    log_weights_ = VisitWhole(rollout.old_log_probs, [&](auto old) {
      return VisitWhole(rollout.sampler_log_probs,
                        [&](auto sampler) { return means_of_differences(old, sampler); });
    });
  }
}

template TokenTerms::TokenTerms(const Batch&, const LossSpec&, const MiningDecision&,
                                absl::Span<const float>, const Cancellation&);
template TokenTerms::TokenTerms(const Batch&, const LossSpec&, const MiningDecision&,
                                absl::Span<const double>, const Cancellation&);

}  // namespace lossd::loss
