#include "server/loss/blocks/presented_rows.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "server/loss/blocks/ignored_samples.h"
#include "server/loss/blocks/read_again.h"
#include "server/loss/blocks/row_blocks.h"
#include "server/loss/cancelled_call.h"

namespace lossd::loss {
namespace {

// Returns `batch` with every sample weighing 1, or 0 as before. `weights` holds what that takes.
Batch WithUnitWeights(const Batch& batch, std::vector<double>& weights) {
  Batch plain = batch;
  plain.upstream_gradient = {};
  const absl::Span<const double> given = batch.sample_weights.values;
  plain.sample_weights = {};
  if (std::find(given.begin(), given.end(), 0.0) == given.end()) return plain;
  weights.reserve(given.size());
  for (const double weight : given) weights.push_back(weight == 0 ? 0 : 1);
  plain.sample_weights = {weights, batch.sample_weights.repeat};
  return plain;
}

}  // namespace

template <typename T>
PresentedOutputs<T>::PresentedOutputs(const BatchPlan& plan, TypedOutputs<T>& outputs,
                                      SampleRecords& records) {
  const auto samples = static_cast<size_t>(plan.sample_count());
  const auto add = [&](Output output, std::vector<T>& memory) {
    if (!outputs[output].empty()) return;
    memory.resize(samples);
    outputs[output] = absl::MakeSpan(memory);
  };
  add(Output::kLosses, losses_);
  add(Output::kMargin, margins_);
  if (!records.wanted()) records.Resize(plan.sample_count());
  records.correct.resize(samples);
}

template <typename T>
void PresentedOutputs<T>::Take(const BatchPlan& plan, const RowWindow<T>& whole,
                               const Cancellation& cancellation,
                               PresentedSamples& presented) const {
  const int64_t samples = plan.sample_count();
  const int64_t per_row = plan.samples_per_row();
  const absl::Span<T> losses = whole.outputs[Output::kLosses];
  const absl::Span<T> margins = whole.outputs[Output::kMargin];
  presented.losses.assign(losses.begin(), losses.end());
  presented.margins.assign(margins.begin(), margins.end());
  presented.true_probability = std::move(whole.records.true_probability);
  presented.gradient_l1 = std::move(whole.records.gradient_l1);
  presented.correct = std::move(whole.records.correct);
  presented.ignored.assign(static_cast<size_t>(samples), 0);
  if (plan.labels.ignores_none()) return;
  ForEachBlock(samples, 1, cancellation, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (plan.labels.ignored(i / per_row, i % per_row)) {
        presented.ignored[static_cast<size_t>(i)] = 1;
      }
    }
  });
}

template <typename T>
absl::Status ComputePresented(const BatchPlan& plan, absl::Span<const T> logits,
                              const Executor& executor, const Cancellation& cancellation,
                              PresentedSamples& presented) {
  std::vector<double> weights;
  Batch batch = WithUnitWeights(plan.batch, weights);
  std::optional<ReadAgain> reader;
  if (batch.logit_reader != nullptr) batch.logit_reader = &reader.emplace(*batch.logit_reader);
  LossSpec spec = plan.spec;
  spec.mining = {};
  ComputeOptions options;
  options.cancelled = plan.options.cancelled;
  MiningDecision unmined;
  unmined.dropped = FindWeightless(batch, spec.activation, cancellation);
  const BatchPlan own = PlanBatch(batch, spec, options, plan.terms, plan.transform, sizeof(T),
                                  executor, cancellation, unmined);
  if (cancellation.seen()) return CancelledCall();
  TypedOutputs<T> outputs;
  SampleRecords records;
  const PresentedOutputs<T> memory(own, outputs, records);
  const RowWindow<T> whole = WholeBatch(own, logits, outputs, records);
  const auto sums = ComputeRows(own, whole, executor);
  if (!sums.ok()) return sums.status();
  memory.Take(own, whole, cancellation, presented);
  return absl::OkStatus();
}

template class PresentedOutputs<float>;
template class PresentedOutputs<double>;
template absl::Status ComputePresented(const BatchPlan&, absl::Span<const float>, const Executor&,
                                       const Cancellation&, PresentedSamples&);
template absl::Status ComputePresented(const BatchPlan&, absl::Span<const double>, const Executor&,
                                       const Cancellation&, PresentedSamples&);

}  // namespace lossd::loss
