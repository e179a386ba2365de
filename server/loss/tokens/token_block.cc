#include "server/loss/tokens/token_block.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "server/kernels/dispatch.h"
#include "server/kernels/log_probabilities.h"
#include "server/kernels/policy_tokens.h"
#include "server/kernels/workspace.h"
#include "server/loss/tokens/token_terms.h"

namespace lossd::loss {
namespace {

// Returns the first element of `memory` that is aligned for the kernels.
double* Aligned(double* memory) {
  constexpr uintptr_t kLine = 64;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  return memory + (kLine - address % kLine) % kLine / sizeof(double);
}

}  // namespace

TokenBlock::Columns::Columns(double* memory)
    : log_p(Aligned(memory)),
      old_log_p(log_p + kMostSamples),
      reference(old_log_p + kMostSamples),
      sampler(reference + kMostSamples),
      advantage(sampler + kMostSamples),
      log_ratio(advantage + kMostSamples),
      log_weight(log_ratio + kMostSamples),
      ratio(log_weight + kMostSamples),
      moves(ratio + kMostSamples),
      used(moves + kMostSamples),
      value(used + kMostSamples),
      slope(value + kMostSamples),
      curvature(slope + kMostSamples),
      loss_scale(curvature + kMostSamples),
      gradient_scale(loss_scale + kMostSamples),
      hessian_scale(gradient_scale + kMostSamples) {}

TokenBlock::TokenBlock(const BatchPlan& plan, bool wants_curvature, kernels::PolicySums* sums)
    : plan_(plan),
      rollout_(plan.batch.rollout),
      wants_curvature_(wants_curvature),
      ignores_(!plan.labels.ignores_none()),
      has_advantages_(rollout_.has_advantages() ||
                      plan.spec.policy.importance_weighting.has_value()),
      sums_(sums) {
  if (!plan.scales.alike()) return;
  const SampleScale scale = plan.scales[0];
  std::fill(columns_.loss_scale, columns_.loss_scale + kMostSamples, scale.loss);
  std::fill(columns_.gradient_scale, columns_.gradient_scale + kMostSamples, scale.gradient);
  std::fill(columns_.hessian_scale, columns_.hessian_scale + kMostSamples, scale.hessian);
}

template <typename T>
void TokenBlock::Evaluate(int64_t begin, int64_t size, const T* u, const float* only) {
  begin_ = begin;
  size_ = size;
  ignores_ = only != nullptr || !plan_.labels.ignores_none();
  FindUsed(only);
  LoadColumn(u, columns_.log_p);
  LoadScales();
  if (rollout_.has_old()) LoadRatios();
  if (rollout_.has_reference()) Load(rollout_.reference_log_probs, columns_.reference);
  if (has_advantages_) LoadAdvantages();
  if (plan_.spec.policy.importance_weighting) WeighAdvantages();
  EvaluateForm();
  if (plan_.spec.policy.kl_penalty) AddKl();
  if (sums_ != nullptr) AddStatistics();
}

// Writes 1 for the samples that are not ignored, 0 for those that are and past the last.
void TokenBlock::FindUsed(const float* only) {
  if (!ignores_ && sums_ == nullptr) return;
  double* const used = columns_.used;
  std::fill(used + size_, used + kernels::PaddedSize(size_), 0.0);
  FindKept();
  if (only == nullptr) return;
  for (int64_t i = 0; i < size_; ++i) used[i] = only[i] == 0 ? 0 : used[i];
}

void TokenBlock::FindKept() {
  double* const used = columns_.used;
  if (plan_.labels.ignores_none()) {
    std::fill(used, used + size_, 1.0);
    return;
  }
  if (plan_.labels.ignores_by_label()) {
    for (int64_t i = 0; i < size_; ++i) used[i] = plan_.ignored(begin_ + i) ? 0 : 1;
    return;
  }
  const uint8_t* const dropped = plan_.labels.dropped().data() + begin_;
  for (int64_t i = 0; i < size_; ++i) used[i] = 1 - dropped[i];
}

void TokenBlock::ClearUnused(double* column) const {
  if (!ignores_) return;
  const double* const used = columns_.used;
  for (int64_t i = 0; i < size_; ++i) column[i] = used[i] == 0 ? 0 : column[i];
}

template <typename T>
void TokenBlock::LoadColumn(const T* from, double* to) {
  kernels::TokenColumn column;
  column.count = size_;
  if constexpr (std::is_same_v<T, float>) {
    column.from_floats = from;
  } else {
    column.from_doubles = from;
  }
  column.used = ignores_ ? columns_.used : nullptr;
  column.to = to;
  kernels::CurrentTokens().load(column);
}

void TokenBlock::Load(const Column& from, double* to) {
  if (const auto* reader = std::get_if<const ColumnReader*>(&from)) {
    std::array<float, kMostSamples> read;
    (*reader)->Read(begin_, absl::MakeSpan(read.data(), static_cast<size_t>(size_)));
    return LoadColumn(read.data(), to);
  }
  VisitWhole(from, [&](auto values) { LoadColumn(values.data() + begin_, to); });
}

void TokenBlock::LoadAdvantages() {
  if (!rollout_.has_advantages()) {
    std::fill(columns_.advantage, columns_.advantage + kernels::PaddedSize(size_), 1.0);
    return;
  }
  if (rollout_.advantage_extent == AdvantageExtent::kSamples) {
    return Load(rollout_.advantages, columns_.advantage);
  }
  double* const to = columns_.advantage;
  VisitWhole(rollout_.advantages, [&](auto values) {
    plan_.batch.sequences.ForEachPart(
        begin_, begin_ + size_, [&](int64_t sequence, int64_t first, int64_t last) {
          std::fill(to + (first - begin_), to + (last - begin_),
                    static_cast<double>(values[static_cast<size_t>(sequence)]));
        });
  });
  std::fill(to + size_, to + kernels::PaddedSize(size_), 0.0);
  ClearUnused(to);
}

void TokenBlock::LoadDifferences(const double* from, const double* subtracted,
                                 absl::Span<const double> of_sequences, double* to) {
  const int64_t padded = kernels::PaddedSize(size_);
  if (of_sequences.empty()) {
    for (int64_t i = 0; i < padded; ++i) to[i] = from[i] - subtracted[i];
    return;
  }
  plan_.batch.sequences.ForEachPart(begin_, begin_ + size_,
                                    [&](int64_t sequence, int64_t first, int64_t last) {
                                      std::fill(to + (first - begin_), to + (last - begin_),
                                                of_sequences[static_cast<size_t>(sequence)]);
                                    });
  std::fill(to + size_, to + padded, 0.0);
  ClearUnused(to);
}

void TokenBlock::LoadRatios() {
  Load(rollout_.old_log_probs, columns_.old_log_p);
  double* const x = columns_.log_ratio;
  LoadDifferences(columns_.log_p, columns_.old_log_p, plan_.token_terms->log_ratios(), x);
  kernels::TokenRatios tokens;
  tokens.count = size_;
  tokens.log_ratio = x;
  tokens.cap = plan_.spec.policy.ratio.log_ratio_cap;
  tokens.capped = x;
  tokens.ratio = columns_.ratio;
  tokens.moves = columns_.moves;
  kernels::CurrentTokens().ratios(tokens);
}

void TokenBlock::WeighAdvantages() {
  const ImportanceWeighting& weighting = *plan_.spec.policy.importance_weighting;
  Load(rollout_.sampler_log_probs, columns_.sampler);
  LoadDifferences(columns_.old_log_p, columns_.sampler, plan_.token_terms->log_weights(),
                  columns_.log_weight);
  kernels::WeightTokens tokens;
  tokens.count = size_;
  tokens.log_weight = columns_.log_weight;
  tokens.used = columns_.used;
  tokens.minimum = weighting.minimum;
  tokens.maximum = weighting.maximum;
  tokens.mode = weighting.mode;
  tokens.advantage = columns_.advantage;
  tokens.sums = sums_;
  kernels::CurrentTokens().weigh(tokens);
}

bool TokenBlock::CountsReferenceInKl() const {
  const auto& penalty = plan_.spec.policy.kl_penalty;
  return penalty && penalty->estimator == KlEstimator::kK3;
}

void TokenBlock::AddKl() {
  const KlPenalty& penalty = *plan_.spec.policy.kl_penalty;
  kernels::KlTokens tokens;
  tokens.count = size_;
  tokens.log_p = columns_.log_p;
  tokens.reference_log_p = columns_.reference;
  if (rollout_.has_old()) tokens.ratio = columns_.ratio;
  tokens.moves = columns_.moves;
  tokens.coefficient = penalty.coefficient;
  tokens.estimator = penalty.estimator;
  tokens.gradient = penalty.gradient;
  tokens.value = columns_.value;
  tokens.slope = columns_.slope;
  tokens.curvature = wants_curvature_ ? columns_.curvature : nullptr;
  if (CountsReferenceInKl()) tokens.sums = sums_;
  kernels::CurrentTokens().add_kl(tokens);
}

// Evaluates φ and its derivatives.
void TokenBlock::EvaluateForm() {
  double* const curvature = wants_curvature_ ? columns_.curvature : nullptr;
  if (plan_.kernels.policy == nullptr) {
    plan_.kernels.log_probabilities(
        {size_, columns_.log_p, columns_.value, columns_.slope, curvature}, plan_.spec.parameters);
    if (!has_advantages_) return;
    return kernels::CurrentTokens().multiply(
        {size_, columns_.advantage, columns_.value, columns_.slope, curvature});
  }
  kernels::PolicyTokens tokens;
  tokens.count = size_;
  tokens.log_p = columns_.log_p;
  tokens.old_log_p = columns_.old_log_p;
  tokens.log_ratio = columns_.log_ratio;
  tokens.ratio = columns_.ratio;
  tokens.moves = columns_.moves;
  tokens.advantage = columns_.advantage;
  tokens.used = columns_.used;
  tokens.value = columns_.value;
  tokens.slope = columns_.slope;
  tokens.curvature = curvature;
  tokens.sums = sums_;
  plan_.kernels.policy(tokens, plan_.spec.parameters);
}

void TokenBlock::AddStatistics() {
  kernels::TokenStatistics tokens;
  tokens.count = size_;
  tokens.log_p = columns_.log_p;
  tokens.used = columns_.used;
  if (rollout_.has_old()) tokens.old_log_p = columns_.old_log_p;
  if (rollout_.has_reference() && !CountsReferenceInKl()) {
    tokens.reference_log_p = columns_.reference;
  }
  tokens.ratio = columns_.ratio;
  tokens.sums = sums_;
  kernels::CurrentTokens().add_statistics(tokens);
}

double TokenBlock::ClassWeight(int64_t sample) const {
  if (plan_.terms.empty()) return 1;
  if (plan_.is_softmax()) return plan_.terms.weight(plan_.labels.class_id(sample));
  const int64_t row = sample / plan_.batch.classes;
  const int64_t k = sample % plan_.batch.classes;
  return plan_.terms.whole(k, plan_.labels.target(row, k));
}

// Writes the factors of each sample: 0 for ignored ones, whose upstream gradient may be anything.
void TokenBlock::LoadScales() {
  if (plan_.scales.wide() || !plan_.terms.empty()) return WeighByClass();
  if (plan_.scales.alike() && !ignores_) return;  // they are there
  double* const hessian_scale = wants_curvature_ ? columns_.hessian_scale : nullptr;
  plan_.scales.Copy(begin_, size_, columns_.loss_scale, columns_.gradient_scale, hessian_scale);
  // A sample that is ignored for its weight has factors of 0 already, unless its upstream gradient
  // is NaN.
  const bool by_weight = !plan_.labels.ignores_by_label() && !plan_.scales.has_upstream() &&
                         std::holds_alternative<std::monostate>(plan_.spec.mining);
  if (by_weight) return;
  ClearUnused(columns_.loss_scale);
  ClearUnused(columns_.gradient_scale);
  if (wants_curvature_) ClearUnused(columns_.hessian_scale);
}

void TokenBlock::WeighByClass() {
  for (int64_t i = 0; i < size_; ++i) {
    const int64_t sample = begin_ + i;
    SampleScale scale;
    if (!plan_.ignored(sample)) scale = plan_.scales.WithClass(sample, ClassWeight(sample));
    columns_.loss_scale[i] = scale.loss;
    columns_.gradient_scale[i] = scale.gradient;
    columns_.hessian_scale[i] = scale.hessian;
  }
}

template void TokenBlock::Evaluate(int64_t, int64_t, const float*, const float*);
template void TokenBlock::Evaluate(int64_t, int64_t, const double*, const float*);

}  // namespace lossd::loss
