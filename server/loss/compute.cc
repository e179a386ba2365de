#include "server/loss/compute.h"

#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/class_terms.h"
#include "server/loss/blocks/ignored_samples.h"
#include "server/loss/blocks/row_blocks.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/blocks/sample_records.h"
#include "server/loss/cancelled_call.h"
#include "server/loss/computed_plan.h"
#include "server/loss/mining.h"
#include "server/loss/summary.h"
#include "server/loss/tokens/inner_plans.h"
#include "server/loss/tokens/sequence_mean.h"
#include "server/loss/tokens/token_terms.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {
namespace {

// Returns the logits of a reader where they are needed once more after the batch is computed, or
// where a row does not fit a cache. Returns none where they are read block by block.
template <typename T>
std::vector<T> ReadBeforehand(const Batch& batch, const LossSpec& spec,
                              const ComputeOptions& options, const Cancellation& cancellation) {
  constexpr int64_t kLongestRow = (int64_t{1} << 20) / static_cast<int64_t>(sizeof(T));
  const bool looks_again = (WantsRecords(options) && spec.activation == Activation::kSigmoid) ||
                           !std::holds_alternative<std::monostate>(spec.mining);
  const bool reads_sequences = spec.policy.ratio.level == RatioLevel::kSequence;
  const bool by_block =
      !looks_again && !reads_sequences && batch.inner == 1 && batch.classes <= kLongestRow;
  if (batch.logit_reader == nullptr || by_block) return {};
  std::vector<T> logits(static_cast<size_t>(batch.rows * batch.classes));
  ForEachBlock(batch.rows * batch.classes, 1, cancellation, [&](int64_t begin, int64_t end) {
    batch.logit_reader->Read(begin, absl::MakeSpan(logits.data() + begin, logits.data() + end));
    batch.logit_reader->Release(begin, end);
  });
  return logits;
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
  if (!std::holds_alternative<HardestMining>(plan.spec.mining)) records.Resize(samples);
  TypedOutputs<T> outputs;
  outputs[Output::kLosses] = absl::MakeSpan(losses);
  const auto sums = ComputeRows(plan, WholeBatch(plan, logits, outputs, records), executor);
  if (!sums.ok()) return sums.status();
  MinedSamples mined;
  mined.losses.assign(losses.begin(), losses.end());
  mined.true_probability = std::move(records.true_probability);
  mined.valid.assign(static_cast<size_t>(samples), 1);
  const int64_t per_row = plan.samples_per_row();
  ForEachBlock(plan.labels.ignores_none() ? 0 : samples, 1, cancellation,
               [&](int64_t begin, int64_t end) {
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

// A batch and what is resolved for its classes and logits once, whatever is decided about samples.
struct Resolved {
  Resolved(const Batch& given, const LossSpec& of, const Cancellation& cancellation)
      : batch(given), spec(of), terms(given, of, cancellation), transform(of, cancellation) {}

  const Batch& batch;
  const LossSpec& spec;
  const ClassTerms terms;
  const LogitTransform transform;
};

// What a loss that reads a rollout takes beside its samples, made for those that are not dropped.
struct RolloutTerms {
  std::optional<InnerPlans> inner;
  std::optional<TokenTerms> tokens;
};

// Returns whether rows of a loss that reads a rollout may be computed in double, for these outputs.
template <typename T>
InnerPlans::InDouble ComputesInDouble(const TypedOutputs<T>& outputs) {
  const bool wants_derivatives =
      !outputs[Output::kGradient].empty() || outputs.gradient_parts != nullptr ||
      outputs.half_gradient.numbers != nullptr || !outputs[Output::kHessianDiagonal].empty();
  return sizeof(T) == sizeof(float) && wants_derivatives ? InnerPlans::InDouble::kMaybe
                                                         : InnerPlans::InDouble::kNever;
}

// Makes the terms of a loss that reads a rollout, and points `decided` at them.
template <typename T>
absl::Status MakeRolloutTerms(const Resolved& resolved, const ComputeOptions& options,
                              InnerPlans::InDouble in_double, absl::Span<const T> logits,
                              const Executor& executor, const Cancellation& cancellation,
                              MiningDecision& decided, RolloutTerms& terms) {
  const auto& [batch, spec, classes, transform] = resolved;
  decided.inner = nullptr;
  decided.token_terms = nullptr;
  if (!ReadsRollout(batch, spec)) return absl::OkStatus();
  absl::Span<const T> log_p = logits;
  std::vector<T> computed;
  if (spec.activation != Activation::kLogProbability) {
    decided.inner = &terms.inner.emplace(batch, spec, options, transform, sizeof(T), in_double,
                                         decided, executor, cancellation);
    if (spec.policy.ratio.level == RatioLevel::kSequence) {
      const BatchPlan& plan = decided.inner->log_p();
      computed.resize(static_cast<size_t>(plan.sample_count()));
      TypedOutputs<T> outputs;
      outputs[Output::kLosses] = absl::MakeSpan(computed);
      SampleRecords none;
      const auto sums = ComputeRows(plan, WholeBatch(plan, logits, outputs, none), executor);
      if (!sums.ok()) return sums.status();
      for (T& u : computed) u = -u;
      log_p = computed;
    }
  }
  decided.token_terms = &terms.tokens.emplace(batch, spec, decided, log_p, cancellation);
  return absl::OkStatus();
}

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
  RolloutTerms terms;
  absl::Status made = MakeRolloutTerms(resolved, options, ComputesInDouble(outputs), logits,
                                       executor, cancellation, decided, terms);
  if (!made.ok()) return made;
  const BatchPlan plan = PlanBatch(batch, spec, options, resolved.terms, resolved.transform,
                                   sizeof(T), executor, cancellation, decided);
  auto result = ComputePlanned(plan, decided, logits, outputs, executor, cancellation);
  const bool reads_sequences = spec.policy.reads_sequences() || batch.rollout.of_sequences();
  if (result.ok() && reads_sequences && !result->sequence_count) {
    result->sequence_count = CountSequences(resolved.batch, spec, decided, cancellation);
  }
  return result;
}

// Decides by mining about a batch of which nothing but the weightless samples is `decided`.
template <typename T>
absl::StatusOr<MiningDecision> DecideByMining(const Resolved& resolved,
                                              const ComputeOptions& options,
                                              MiningDecision& decided, absl::Span<const T> logits,
                                              const Executor& executor,
                                              const Cancellation& cancellation) {
  ComputeOptions losses_alone;
  losses_alone.cancelled = options.cancelled;
  RolloutTerms terms;
  absl::Status made = MakeRolloutTerms(resolved, losses_alone, InnerPlans::InDouble::kNever, logits,
                                       executor, cancellation, decided, terms);
  if (!made.ok()) return made;
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

bool ReadsRollout(const Batch& batch, const LossSpec& spec) {
  const Rollout& rollout = batch.rollout;
  return spec.form->of_ratio || rollout.has_advantages() || rollout.has_old() ||
         rollout.has_reference() || rollout.has_sampler();
}

absl::StatusOr<Result> Compute(const Batch& batch, const LossSpec& spec,
                               const ComputeOptions& options, const Outputs& outputs,
                               const Executor& executor) {
  std::optional<Batch> taught;
  const auto* const targets = std::get_if<Targets>(&batch.labels);
  if (targets != nullptr && targets->kind == TargetKind::kTeacherLogits) {
    taught = batch;
    std::get<Targets>(taught->labels).temperature =
        spec.teacher.temperature.value_or(spec.temperature);
  }
  const Batch& of = taught ? *taught : batch;
  return std::visit(
      [&](auto logits) { return ComputeTyped(of, spec, options, outputs, executor, logits); },
      batch.logits);
}

}  // namespace lossd::loss
