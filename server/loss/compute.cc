#include "server/loss/compute.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/class_terms.h"
#include "server/loss/blocks/row_blocks.h"
#include "server/loss/blocks/sample_outcomes.h"
#include "server/loss/blocks/sample_records.h"
#include "server/loss/mining.h"

namespace lossd::loss {
namespace {

// Pairs of MEAN's divisor and the number of valid samples.
struct Totals {
  double weight_sum = 0;
  int64_t valid_count = 0;
};

Totals CountSamples(const Batch& batch, const LossSpec& spec, const ClassTerms& terms,
                    const ElementLabels& labels) {
  Totals totals;
  const bool softmax = spec.activation == Activation::kSoftmax;
  const int64_t per_row = softmax ? 1 : batch.classes;
  const bool weightless = batch.sample_weights.empty() && (!softmax || terms.weights().empty());
  const bool by_ids = softmax && labels.has_class_ids();
  if (weightless && (by_ids || labels.ignores_none())) {
    totals.valid_count =
        batch.rows * per_row - (by_ids ? labels.CountIgnoredIds(0, batch.rows) : 0);
    totals.weight_sum = static_cast<double>(totals.valid_count);
    return totals;
  }
  for (int64_t row = 0; row < batch.rows; ++row) {
    for (int64_t k = 0; k < per_row; ++k) {
      if (labels.ignored(row, k)) continue;
      ++totals.valid_count;
      const double s = batch.sample_weights[row * per_row + k];
      const bool by_class = softmax && labels.has_class_ids();
      totals.weight_sum += by_class ? s * terms.weight(labels.class_id(row)) : s;
    }
  }
  return totals;
}

double Divisor(const ComputeOptions& options, const Totals& totals) {
  switch (options.reduction) {
    case Reduction::kNone:
    case Reduction::kSum:
      return 1;
    case Reduction::kMean:
      return options.normalizer.value_or(totals.weight_sum);
    case Reduction::kMeanValid:
      return options.normalizer.value_or(static_cast<double>(totals.valid_count));
  }
  return 1;
}

// Ranks count the request's logits: #{z_j > z_t} + #{earlier z_j = z_t}.
template <typename T>
int64_t RankOfTruth(const LogitRow<T>& z, int64_t classes, int64_t truth) {
  if (std::isnan(z[truth])) return classes;
  int64_t rank = 0;
  for (int64_t j = 0; j < classes; ++j) {
    if (z[j] > z[truth] || (z[j] == z[truth] && j < truth)) ++rank;
  }
  return rank;
}

template <typename T>
std::vector<int64_t> CountTopK(const Run<T>& run) {
  std::vector<int64_t> correct(run.options.top_k.size(), 0);
  if (correct.empty()) return correct;
  for (int64_t row = 0; row < run.batch.rows; ++row) {
    if (run.labels.ignored(row, 0)) continue;
    const int64_t rank =
        RankOfTruth(LogitsOfRow(run, row), run.batch.classes, ClassOfRow(run, row));
    for (size_t i = 0; i < correct.size(); ++i) {
      if (rank < run.options.top_k[i]) ++correct[i];
    }
  }
  return correct;
}

template <typename T>
void AddStatistics(const Run<T>& run, Result& result) {
  const int64_t classes = ClassVectorSize(run.batch, run.spec.activation);
  StatisticsCollector collector(classes, run.options.hard_threshold);
  ForEachOutcome(run, [&](const SampleOutcome& sample) {
    collector.Add(sample);
    if (sample.vanishing) ++result.vanishing_count;
  });
  if (run.options.class_statistics) {
    std::vector<double> weights;
    for (int64_t k = 0; k < classes; ++k) weights.push_back(run.terms.weight(k));
    result.class_statistics = collector.MakeClassStatistics(std::move(weights));
  }
  if (run.options.difficulty) result.difficulty = collector.MakeDifficulty();
}

bool WantsRecords(const ComputeOptions& options) {
  return options.class_statistics || options.difficulty || options.vanishing;
}

int64_t SampleCount(const Batch& batch, const LossSpec& spec) {
  return spec.activation == Activation::kSoftmax ? batch.rows : batch.rows * batch.classes;
}

// Logits that come from a reader are read block by block where each is looked at once, and by rows
// that fit a cache; otherwise they are read beforehand, all of them.
template <typename T>
std::vector<T> ReadBeforehand(const Batch& batch, const LossSpec& spec,
                              const ComputeOptions& options) {
  constexpr int64_t kLongestRow = (int64_t{1} << 20) / static_cast<int64_t>(sizeof(T));
  const bool looks_again = WantsRecords(options) || !options.top_k.empty() ||
                           !std::holds_alternative<std::monostate>(spec.mining);
  const bool by_block = !looks_again && batch.inner == 1 && batch.classes <= kLongestRow;
  if (batch.logit_reader == nullptr || by_block) return {};
  std::vector<T> logits(static_cast<size_t>(batch.rows * batch.classes));
  batch.logit_reader->Read(0, absl::MakeSpan(logits));
  batch.logit_reader->Release(0, batch.rows * batch.classes);
  return logits;
}

template <typename T>
TypedOutputs<T> AsTyped(const Outputs& outputs) {
  TypedOutputs<T> typed;
  for (const OutputRow& row : kOutputTable) typed[row.output] = As<T>(outputs[row.output]);
  typed.gradient_parts = outputs.gradient_parts;
  return typed;
}

// The scalars and statistics, from the losses and records of a batch that was computed.
template <typename T>
Result Summarize(const Run<T>& run, absl::Span<const BlockSum> sums, const Totals& totals,
                 double divisor) {
  Result result;
  for (const BlockSum& block : sums) {
    result.loss_sum += block.sum;
    result.non_finite_count += block.non_finite_count;
  }
  result.loss = divisor == 0 ? 0 : result.loss_sum / divisor;
  result.weight_sum = totals.weight_sum;
  result.valid_count = totals.valid_count;
  result.class_weights = run.terms.weights();
  result.top_k_correct = CountTopK(run);
  if (WantsRecords(run.options)) AddStatistics(run, result);
  return result;
}

// Mining looks at the losses of the whole batch before it decides: one pass without derivatives.
template <typename T>
absl::StatusOr<MiningDecision> MineBatch(const Run<T>& whole, const Executor& executor) {
  const int64_t samples = SampleCount(whole.batch, whole.spec);
  std::vector<T> losses(static_cast<size_t>(samples));
  SampleRecords records;
  records.Resize(samples);
  ComputeOptions options;
  options.cancelled = whole.options.cancelled;
  TypedOutputs<T> outputs;
  outputs[Output::kLosses] = absl::MakeSpan(losses);
  const Run<T> run = {whole.batch,  whole.spec,   options, whole.terms, whole.transform,
                      whole.labels, whole.logits, outputs, records,     1};
  if (const auto sums = ComputeRows(run, executor); !sums.ok()) return sums.status();
  MinedSamples mined;
  mined.losses.assign(losses.begin(), losses.end());
  mined.true_probability = std::move(records.true_probability);
  const int64_t per_row = samples / std::max<int64_t>(1, whole.batch.rows);
  for (int64_t i = 0; i < samples; ++i) {
    mined.valid.push_back(whole.labels.ignored(i / per_row, i % per_row) ? 0 : 1);
  }
  return Mine(mined, whole.spec.mining);
}

// The batch as mining leaves it: its weights multiplied, the dropped samples marked.
struct MinedBatch {
  MiningDecision decision;
  std::vector<double> weights;
  Batch batch;

  MinedBatch(const Batch& original, MiningDecision made)
      : decision(std::move(made)), batch(original) {
    if (decision.weights.empty()) return;
    for (size_t i = 0; i < decision.weights.size(); ++i) {
      weights.push_back(original.sample_weights[static_cast<int64_t>(i)] * decision.weights[i]);
    }
    batch.sample_weights = {weights, 1};
  }
};

template <typename T>
absl::StatusOr<Result> ComputeTyped(const Batch& batch, const LossSpec& spec,
                                    const ComputeOptions& options, const Outputs& outputs,
                                    const Executor& executor, absl::Span<const T> logits) {
  const ClassTerms terms(batch, spec);
  const LogitTransform transform(spec);
  const int64_t samples = SampleCount(batch, spec);
  const int64_t per_row = spec.activation == Activation::kSoftmax ? 1 : batch.classes;
  ElementLabels labels(batch, spec.ignore_index);
  const std::vector<T> read = ReadBeforehand<T>(batch, spec, options);
  if (!read.empty()) logits = read;

  std::vector<T> own_losses;
  TypedOutputs<T> typed = AsTyped<T>(outputs);
  if (typed[Output::kLosses].empty() && WantsRecords(options)) {
    own_losses.resize(static_cast<size_t>(samples));
    typed[Output::kLosses] = absl::MakeSpan(own_losses);
  }
  SampleRecords records;

  std::optional<MinedBatch> mined;
  if (!std::holds_alternative<std::monostate>(spec.mining)) {
    const Run<T> whole = {batch,  spec,   options, terms,   transform,
                          labels, logits, typed,   records, 1};
    absl::StatusOr<MiningDecision> decision = MineBatch(whole, executor);
    if (!decision.ok()) return decision.status();
    mined.emplace(batch, *std::move(decision));
    labels = ElementLabels(batch, spec.ignore_index, mined->decision.dropped, per_row);
  }
  const Totals totals = CountSamples(batch, spec, terms, labels);
  const double divisor = Divisor(options, totals);
  if (WantsRecords(options)) records.Resize(samples);
  const Run<T> run = {mined ? mined->batch : batch,
                      spec,
                      options,
                      terms,
                      transform,
                      labels,
                      logits,
                      typed,
                      records,
                      divisor == 0 ? 0 : 1 / divisor};
  const absl::StatusOr<std::vector<BlockSum>> sums = ComputeRows(run, executor);
  if (!sums.ok()) return sums.status();
  return Summarize<T>(run, *sums, totals, divisor);
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
