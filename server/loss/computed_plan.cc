#include "server/loss/computed_plan.h"

#include <optional>
#include <variant>
#include <vector>

#include "server/loss/blocks/presented_rows.h"
#include "server/loss/blocks/read_again.h"
#include "server/loss/blocks/row_blocks.h"
#include "server/loss/blocks/sample_records.h"
#include "server/loss/cancelled_call.h"
#include "server/loss/summary.h"
#include "server/loss/wide.h"
#include "server/loss/work.h"

namespace lossd::loss {
namespace {

// Computes a batch that is planned, and the samples of one without weights and mining, unless
// `presented` is null.
template <typename T>
absl::StatusOr<Result> ComputeAtOnce(const BatchPlan& plan, absl::Span<const T> logits,
                                     TypedOutputs<T> outputs, const Executor& executor,
                                     const Cancellation& cancellation,
                                     PresentedSamples* presented) {
  std::vector<T> own_losses;
  SampleRecords records;
  std::optional<PresentedOutputs<T>> presented_outputs;
  if (presented != nullptr) presented_outputs.emplace(plan, outputs, records);
  if (WantsRecords(plan.options)) records.Resize(plan.sample_count());
  const bool reads_losses = WantsRecords(plan.options) || plan.sequence_mean != nullptr;
  if (reads_losses && outputs[Output::kLosses].empty()) {
    own_losses.resize(static_cast<size_t>(plan.sample_count()));
    outputs[Output::kLosses] = absl::MakeSpan(own_losses);
  }
  const bool looks_at_outcomes = WantsRecords(plan.options) || !plan.options.top_k.empty();
  if (plan.is_softmax() && looks_at_outcomes) records.ResizeOutcomes(plan.batch.rows);
  const RowWindow<T> whole = WholeBatch(plan, logits, outputs, records);
  const auto sums = ComputeRows(plan, whole, executor);
  if (!sums.ok()) return sums.status();
  absl::StatusOr<Result> result = Summarize<T>(plan, whole, *sums, cancellation);
  if (presented != nullptr) presented_outputs->Take(plan, whole, cancellation, *presented);
  return result;
}

// Computes a batch whose samples weigh so little, or so much, that their losses cannot be added up
// as they are: once for what is added up, by weights of a common size, and once for the outputs.
template <typename T>
absl::StatusOr<Result> ComputeInTwo(const BatchPlan& plan, const MiningDecision& decided,
                                    int exponent, absl::Span<const T> logits,
                                    const TypedOutputs<T>& outputs, const Executor& executor,
                                    const Cancellation& cancellation) {
  Batch batch = plan.batch;
  std::optional<ReadAgain> reader;
  if (batch.logit_reader != nullptr) batch.logit_reader = &reader.emplace(*batch.logit_reader);
  const BatchPlan summing = PlanBatch(batch, plan.spec, plan.options, plan.terms, plan.transform,
                                      sizeof(T), executor, cancellation, decided, exponent);
  absl::StatusOr<Result> result =
      ComputeAtOnce<T>(summing, logits, TypedOutputs<T>(), executor, cancellation, nullptr);
  if (!result.ok()) return result;
  SampleRecords none;
  const auto sums = ComputeRows(plan, WholeBatch(plan, logits, outputs, none), executor);
  if (!sums.ok()) return sums.status();
  result->non_finite_count = 0;
  for (const BlockSum& block : *sums) result->non_finite_count += block.non_finite_count;
  if (result->class_statistics) {
    for (double& sum : result->class_statistics->loss_sum) sum = Scaled(sum, -exponent);
  }
  return result;
}

}  // namespace

template <typename T>
absl::StatusOr<Result> ComputePlanned(const BatchPlan& plan, const MiningDecision& decided,
                                      absl::Span<const T> logits, const TypedOutputs<T>& outputs,
                                      const Executor& executor, const Cancellation& cancellation) {
  if (cancellation.seen()) return CancelledCall();
  PresentedSamples* presented = plan.options.presented;
  const bool is_mined = !std::holds_alternative<std::monostate>(plan.spec.mining);
  if (presented != nullptr && (is_mined || !HasOwnLosses(plan))) {
    absl::Status computed = ComputePresented(plan, logits, executor, cancellation, *presented);
    if (!computed.ok()) return computed;
    presented = nullptr;
  }
  const int exponent = plan.SummingExponent();
  if (exponent == 0) {
    return ComputeAtOnce(plan, logits, outputs, executor, cancellation, presented);
  }
  if (plan.options.admit) {
    absl::Status admitted = plan.options.admit(WorkOfAddingUp(plan.batch, plan.spec, plan.options));
    if (!admitted.ok()) return admitted;
  }
  return ComputeInTwo(plan, decided, exponent, logits, outputs, executor, cancellation);
}

template absl::StatusOr<Result> ComputePlanned(const BatchPlan&, const MiningDecision&,
                                               absl::Span<const float>, const TypedOutputs<float>&,
                                               const Executor&, const Cancellation&);
template absl::StatusOr<Result> ComputePlanned(const BatchPlan&, const MiningDecision&,
                                               absl::Span<const double>,
                                               const TypedOutputs<double>&, const Executor&,
                                               const Cancellation&);

}  // namespace lossd::loss
