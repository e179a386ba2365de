#include "server/loss/compute.h"

#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/class_terms.h"
#include "server/loss/blocks/ignored_samples.h"
#include "server/loss/blocks/presented_rows.h"
#include "server/loss/blocks/read_again.h"
#include "server/loss/blocks/row_blocks.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/blocks/sample_outcomes.h"
#include "server/loss/blocks/sample_records.h"
#include "server/loss/cancelled_call.h"
#include "server/loss/mining.h"
#include "server/loss/tokens/sequence_mean.h"
#include "server/loss/top_k.h"
#include "server/loss/wide.h"
#include "server/loss/work.h"
#include "server/threads/cancellation.h"

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

bool WantsRecords(const ComputeOptions& options) {
  return options.class_statistics || options.difficulty || options.vanishing;
}

// Returns the logits of a reader where they are needed once more after the batch is computed, or
// where a row does not fit a cache. Returns none where they are read block by block.
template <typename T>
std::vector<T> ReadBeforehand(const Batch& batch, const LossSpec& spec,
                              const ComputeOptions& options, const Cancellation& cancellation) {
  constexpr int64_t kLongestRow = (int64_t{1} << 20) / static_cast<int64_t>(sizeof(T));
  const bool looks_again = (WantsRecords(options) && spec.activation == Activation::kSigmoid) ||
                           !std::holds_alternative<std::monostate>(spec.mining);
  const bool by_block = !looks_again && batch.inner == 1 && batch.classes <= kLongestRow;
  if (batch.logit_reader == nullptr || by_block) return {};
  std::vector<T> logits(static_cast<size_t>(batch.rows * batch.classes));
  ForEachBlock(batch.rows * batch.classes, 1, cancellation, [&](int64_t begin, int64_t end) {
    batch.logit_reader->Read(begin, absl::MakeSpan(logits.data() + begin, logits.data() + end));
    batch.logit_reader->Release(begin, end);
  });
  return logits;
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

// Returns the scalars and statistics of a batch whose losses and records were computed.
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
  result.weight_sum = plan.totals.weight_sum;
  result.valid_count = plan.totals.valid_count;
  result.class_weights = plan.terms.weights();
  result.top_k_correct = CountTopK(plan, whole.records, cancellation);
  if (WantsRecords(plan.options)) AddStatistics(plan, whole, cancellation, result);
  if (cancellation.seen()) return CancelledCall();
  return result;
}

// Returns the decision of mining; `weightless` samples are dropped too. It takes the losses of the
// whole batch, which are computed here without derivatives.
template <typename T>
absl::StatusOr<MiningDecision> MineBatch(const BatchPlan& plan, absl::Span<const T> logits,
                                         absl::Span<const uint8_t> weightless,
                                         const Executor& executor,
                                         const Cancellation& cancellation) {
  const int64_t samples = plan.sample_count();
  std::vector<T> losses(static_cast<size_t>(samples));
  SampleRecords records;
  records.Resize(samples);
  TypedOutputs<T> outputs;
  outputs[Output::kLosses] = absl::MakeSpan(losses);
  const auto sums = ComputeRows(plan, WholeBatch(plan, logits, outputs, records), executor);
  if (!sums.ok()) return sums.status();
  MinedSamples mined;
  mined.losses.assign(losses.begin(), losses.end());
  mined.true_probability = std::move(records.true_probability);
  mined.valid.resize(static_cast<size_t>(samples));
  const int64_t per_row = plan.samples_per_row();
  ForEachBlock(samples, 1, cancellation, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const bool ignored = plan.labels.ignored(i / per_row, i % per_row);
      mined.valid[static_cast<size_t>(i)] = ignored ? 0 : 1;
    }
  });
  MiningDecision decision = Mine(mined, plan.spec.mining, cancellation);
  for (size_t i = 0; i < weightless.size(); ++i) decision.dropped[i] |= weightless[i];
  if (cancellation.seen()) return CancelledCall();
  return decision;
}

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

// Computes a batch about whose samples everything is decided.
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

// A batch and what is resolved for its classes and logits once, whatever is decided about samples.
struct Resolved {
  Resolved(const Batch& given, const LossSpec& of, const Cancellation& cancellation)
      : batch(given), spec(of), terms(given, of, cancellation), transform(of, cancellation) {}

  const Batch& batch;
  const LossSpec& spec;
  const ClassTerms terms;
  const LogitTransform transform;
};

template <typename T>
absl::StatusOr<Result> ComputeDecided(const Resolved& resolved, const ComputeOptions& options,
                                      MiningDecision& decided, absl::Span<const T> logits,
                                      const TypedOutputs<T>& outputs, const Executor& executor,
                                      const Cancellation& cancellation) {
  const LossSpec& spec = resolved.spec;
  Batch batch = resolved.batch;
  std::optional<SequenceMean> mean;
  if (options.reduction == Reduction::kSequenceMean) {
    mean.emplace(resolved.batch, spec, options, decided, cancellation);
    batch.upstream_gradient = mean->scales();
    decided.sequence_mean = &*mean;
  }
  const BatchPlan plan = PlanBatch(batch, spec, options, resolved.terms, resolved.transform,
                                   sizeof(T), executor, cancellation, decided);
  return ComputePlanned(plan, decided, logits, outputs, executor, cancellation);
}

// Decides by mining about a batch of which nothing but the weightless samples is `decided`.
template <typename T>
absl::StatusOr<MiningDecision> DecideByMining(const Resolved& resolved,
                                              const ComputeOptions& options,
                                              const MiningDecision& decided,
                                              absl::Span<const T> logits, const Executor& executor,
                                              const Cancellation& cancellation) {
  ComputeOptions losses_alone;
  losses_alone.cancelled = options.cancelled;
  const auto make_plan = [&](int exponent) {
    return PlanBatch(resolved.batch, resolved.spec, losses_alone, resolved.terms,
                     resolved.transform, sizeof(T), executor, cancellation, decided, exponent);
  };
  const BatchPlan first = make_plan(0);
  if (cancellation.seen()) return CancelledCall();
  const int exponent = first.SummingExponent();
  return exponent == 0
             ? MineBatch(first, logits, decided.dropped, executor, cancellation)
             : MineBatch(make_plan(exponent), logits, decided.dropped, executor, cancellation);
}

template <typename T>
absl::StatusOr<Result> ComputeTyped(const Batch& batch, const LossSpec& spec,
                                    const ComputeOptions& options, const Outputs& outputs,
                                    const Executor& executor, absl::Span<const T> logits) {
  const Cancellation cancellation(options.cancelled);
  if (cancellation.Ask()) return CancelledCall();
  const Resolved resolved(batch, spec, cancellation);
  const std::vector<T> read = ReadBeforehand<T>(batch, spec, options, cancellation);
  if (!read.empty()) logits = read;
  const TypedOutputs<T> typed = TypeOutputs<T>(outputs);
  MiningDecision decided;
  decided.dropped = FindWeightless(batch, spec.activation, cancellation);
  if (!std::holds_alternative<std::monostate>(spec.mining)) {
    auto mined = DecideByMining(resolved, options, decided, logits, executor, cancellation);
    if (!mined.ok()) return mined.status();
    decided = *std::move(mined);
  }
  return ComputeDecided(resolved, options, decided, logits, typed, executor, cancellation);
}

}  // namespace

absl::StatusOr<Result> Compute(const Batch& batch, const LossSpec& spec,
                               const ComputeOptions& options, const Outputs& outputs,
                               const Executor& executor) {
  return std::visit(
      [&](auto logits) { return ComputeTyped(batch, spec, options, outputs, executor, logits); },
      batch.logits);
}

}  // namespace lossd::loss
