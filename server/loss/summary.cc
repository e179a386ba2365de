#include "server/loss/summary.h"

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "server/loss/blocks/sample_outcomes.h"
#include "server/loss/blocks/sample_records.h"
#include "server/loss/cancelled_call.h"
#include "server/loss/class_counts.h"
#include "server/loss/policy_statistics.h"
#include "server/loss/statistics.h"
#include "server/loss/tokens/sequence_mean.h"
#include "server/loss/top_k.h"
#include "server/loss/wide.h"

namespace lossd::loss {
namespace {

std::vector<int64_t> CountTopK(const BatchPlan& plan, const SampleRecords& records,
                               const Cancellation& cancellation) {
  if (plan.options.top_k.empty()) return {};
  TopKCounter counter(plan.options.top_k);
  ForEachBlock(plan.batch.rows, 1, cancellation, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (!plan.labels.ignored(row, 0)) counter.Add(records.ranks[static_cast<size_t>(row)]);
    }
  });
  return counter.Counts();
}

template <typename T>
void AddStatistics(const BatchPlan& plan, const RowWindow<T>& whole,
                   const Cancellation& cancellation, Result& result) {
  const int64_t classes = ClassVectorSize(plan.batch, plan.spec.activation);
  // One-logit rows are counted as {negative, positive} first.
  const bool merges = plan.spec.activation == Activation::kSigmoid && classes == 1;
  StatisticsCollector collector(merges ? 2 : classes, plan.totals.valid_count,
                                plan.options.hard_threshold);
  ForEachOutcome(plan, whole, cancellation, [&](const SampleOutcome& sample) {
    collector.Add(sample);
    if (sample.vanishing) ++result.vanishing_count;
  });
  if (plan.options.class_statistics) {
    const ClassColumns columns = plan.options.class_columns;
    ClassStatistics statistics = collector.MakeClassStatistics(
        merges ? ClassColumns::kAll : columns,
        [&](int64_t k) { return plan.terms.weight(merges ? 0 : k); }, cancellation);
    result.class_statistics =
        merges ? MergeIntoOneClass(std::move(statistics), columns) : std::move(statistics);
  }
  if (plan.options.difficulty) result.difficulty = collector.MakeDifficulty();
}

// Writes the sum of the losses and what they reduce to. `exponent` is that of the summed losses.
void Reduce(absl::Span<const BlockSum> sums, Wide divisor, int exponent, Result& result) {
  double sum = 0;
  Wide wide_sum = 0;
  for (const BlockSum& block : sums) {
    sum += static_cast<double>(block.sum);
    wide_sum += block.sum;
    result.non_finite_count += block.non_finite_count;
  }
  const auto narrow_divisor = static_cast<double>(divisor);
  const bool is_narrow = exponent == 0 && narrow_divisor == divisor &&
                         (std::isfinite(sum) || result.non_finite_count > 0);
  result.loss_sum = is_narrow ? sum : Scaled(wide_sum, -exponent);
  if (divisor == 0) return;
  result.loss = is_narrow ? sum / narrow_divisor : Scaled(wide_sum / divisor, -exponent);
}

}  // namespace

bool WantsRecords(const ComputeOptions& options) {
  return options.class_statistics || options.difficulty || options.vanishing;
}

template <typename T>
absl::StatusOr<Result> Summarize(const BatchPlan& plan, const RowWindow<T>& whole,
                                 absl::Span<const BlockSum> sums,
                                 const Cancellation& cancellation) {
  Result result;
  Reduce(sums, plan.divisor, plan.scales.exponent(), result);
  if (plan.sequence_mean != nullptr) {
    const absl::Span<const T> losses = whole.outputs[Output::kLosses];
    const double mean = plan.sequence_mean->MeanOf(losses, cancellation);
    result.loss = Scaled(mean, -plan.scales.exponent());
    result.sequence_count = plan.sequence_mean->count();
  }
  if (plan.options.policy_statistics) {
    kernels::PolicySums all;
    for (const BlockSum& block : sums) all.Add(block.policy);
    result.policy_statistics =
        MakePolicyStatistics(all, plan.batch.rollout, plan.spec.policy, plan.totals.valid_count);
  }
  result.weight_sum = plan.totals.weight_sum;
  result.valid_count = plan.totals.valid_count;
  result.class_weights = plan.terms.weights();
  result.top_k_correct = CountTopK(plan, whole.records, cancellation);
  if (WantsRecords(plan.options)) AddStatistics(plan, whole, cancellation, result);
  if (cancellation.seen()) return CancelledCall();
  return result;
}

template absl::StatusOr<Result> Summarize(const BatchPlan&, const RowWindow<float>&,
                                          absl::Span<const BlockSum>, const Cancellation&);
template absl::StatusOr<Result> Summarize(const BatchPlan&, const RowWindow<double>&,
                                          absl::Span<const BlockSum>, const Cancellation&);

}  // namespace lossd::loss
