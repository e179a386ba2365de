#include "server/loss/tokens/float_token_block.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <variant>

#include "absl/types/span.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/workspace.h"

namespace lossd::loss {
namespace {

using kernels::FloatTokens;
using kernels::kLanes;

// Returns the first element of `memory` that is aligned for the kernels.
float* Aligned(float* memory) {
  constexpr uintptr_t kLine = 64;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  return memory + (kLine - address % kLine) % kLine / sizeof(float);
}

bool IsOfFloats(const Column& column) {
  return !std::holds_alternative<absl::Span<const double>>(column);
}

// Returns true when float has the number and its products.
bool Fits(double number) {
  const double size = std::abs(number);
  return size == 0 || std::isinf(size) ||
         (size >= static_cast<double>(kernels::kFloatLeast) &&
          size <= static_cast<double>(kernels::kFloatMost));
}

// Columns of the last tokens of a block, fewer than kLanes, with 0 behind them.
struct LastColumn {
  LastColumn(const float* from, int64_t count) { std::copy(from, from + count, values.data()); }

  alignas(64) std::array<float, kLanes> values = {};
};

}  // namespace

bool FloatTokenBlock::Serves(const BatchPlan& plan) {
  const PolicyOptions& policy = plan.spec.policy;
  const Rollout& rollout = plan.batch.rollout;
  if (plan.kernels.policy_f32 == nullptr || !plan.terms.empty() || plan.scales.wide()) return false;
  if (policy.ratio.level != RatioLevel::kToken || policy.importance_weighting) return false;
  if (policy.kl_penalty && !Fits(policy.kl_penalty->coefficient)) return false;
  const auto& parameters = plan.spec.parameters;
  return std::all_of(parameters.begin(), parameters.end(), Fits) &&
         IsOfFloats(rollout.old_log_probs) && IsOfFloats(rollout.advantages) &&
         (!rollout.has_reference() || IsOfFloats(rollout.reference_log_probs));
}

FloatTokenBlock::FloatTokenBlock(const BatchPlan& plan, kernels::PolicySums* sums)
    : plan_(plan),
      rollout_(plan.batch.rollout),
      sums_(sums),
      loss_scale_(Aligned(memory_.span().data())),
      gradient_scale_(loss_scale_ + kMostSamples),
      old_log_p_(gradient_scale_ + kMostSamples),
      reference_(old_log_p_ + kMostSamples),
      advantage_(reference_ + kMostSamples),
      left_(advantage_ + kMostSamples),
      slope_(left_ + kMostSamples),
      curvature_(slope_ + kMostSamples) {
  if (!plan.scales.alike()) return;
  const SampleScale scale = plan.scales[0];
  std::fill_n(loss_scale_, kMostSamples, kernels::NarrowScale(scale.loss));
  std::fill_n(gradient_scale_, kMostSamples, kernels::NarrowScale(scale.gradient));
}

// Writes the factors of each sample: 0 for ignored ones, whose upstream gradient may be anything.
void FloatTokenBlock::LoadScales(int64_t begin, int64_t size) {
  const bool by_weight =
      !plan_.labels.ignores_by_label() && std::holds_alternative<std::monostate>(plan_.spec.mining);
  if (by_weight && plan_.scales.alike()) return;  // they are there
  const absl::Span<const double> weights = plan_.scales.weights_alone();
  if (by_weight && !weights.empty()) {
    return kernels::CurrentTokens().scales({size, weights.data() + begin,
                                            plan_.scales.of_weight_one().gradient, loss_scale_,
                                            gradient_scale_});
  }
  for (int64_t i = 0; i < size; ++i) {
    SampleScale scale;
    if (!plan_.ignored(begin + i)) scale = plan_.scales[begin + i];
    loss_scale_[i] = kernels::NarrowScale(scale.loss);
    gradient_scale_[i] = kernels::NarrowScale(scale.gradient);
  }
}

const float* FloatTokenBlock::Floats(const Column& column, int64_t begin, int64_t size,
                                     float* room) {
  const auto* reader = std::get_if<const ColumnReader*>(&column);
  if (reader == nullptr) return std::get<absl::Span<const float>>(column).data() + begin;
  (*reader)->Read(begin, absl::MakeSpan(room, static_cast<size_t>(size)));
  return room;
}

const float* FloatTokenBlock::Advantages(int64_t begin, int64_t size) {
  if (rollout_.advantage_extent == AdvantageExtent::kSamples) {
    return Floats(rollout_.advantages, begin, size, advantage_);
  }
  const float* const of_sequences = Floats(rollout_.advantages, 0, 0, nullptr);
  plan_.batch.sequences.ForEachPart(
      begin, begin + size, [&](int64_t sequence, int64_t first, int64_t last) {
        std::fill(advantage_ + (first - begin), advantage_ + (last - begin),
                  of_sequences[sequence]);
      });
  return advantage_;
}

void FloatTokenBlock::Evaluate(int64_t begin, int64_t size, const float* u,
                               const FloatTokenOutputs& outputs) {
  LoadScales(begin, size);
  FloatTokens tokens;
  tokens.count = size / kLanes * kLanes;
  tokens.log_p = u;
  tokens.old_log_p = Floats(rollout_.old_log_probs, begin, size, old_log_p_);
  if (rollout_.has_reference()) {
    tokens.reference_log_p = Floats(rollout_.reference_log_probs, begin, size, reference_);
  }
  tokens.advantage = Advantages(begin, size);
  tokens.loss_scale = loss_scale_;
  tokens.gradient_scale = gradient_scale_;
  tokens.losses = outputs.losses;
  tokens.gradient = outputs.gradient;
  if (outputs.slope != nullptr) tokens.slope = slope_;
  if (outputs.curvature != nullptr) tokens.curvature = curvature_;
  tokens.left = left_;
  bool any_left = tokens.count > 0 && Run(tokens);
  if (tokens.count < size) any_left |= RunLast(tokens, tokens.count, size);
  if (outputs.slope != nullptr) std::copy_n(slope_, size, outputs.slope);
  if (outputs.curvature != nullptr) std::copy_n(curvature_, size, outputs.curvature);
  if (any_left) ComputeLeft(begin, size, u, outputs);
}

bool FloatTokenBlock::Run(FloatTokens tokens) {
  const PolicyOptions& policy = plan_.spec.policy;
  const double cap = policy.ratio.log_ratio_cap;
  if (cap < static_cast<double>(tokens.most_log_ratio)) {
    // Those that the cap holds are left. It is rounded down: float has none between.
    tokens.most_log_ratio = std::nextafter(static_cast<float>(cap), 0.0F);
  }
  if (policy.kl_penalty) {
    tokens.kl = {static_cast<float>(policy.kl_penalty->coefficient), policy.kl_penalty->estimator,
                 policy.kl_penalty->gradient};
  }
  tokens.sums = sums_;
  return plan_.kernels.policy_f32(tokens, plan_.spec.parameters);
}

// Runs the tokens [whole, size), which are fewer than kLanes, in memory that has room for kLanes.
bool FloatTokenBlock::RunLast(const FloatTokens& tokens, int64_t whole, int64_t size) {
  const int64_t count = size - whole;
  const auto column = [&](const float* from) { return LastColumn(from + whole, count); };
  const LastColumn u = column(tokens.log_p);
  const LastColumn old = column(tokens.old_log_p);
  const LastColumn reference =
      tokens.reference_log_p == nullptr ? LastColumn(nullptr, 0) : column(tokens.reference_log_p);
  const LastColumn advantage = column(tokens.advantage);
  const LastColumn loss_scale = column(tokens.loss_scale);
  const LastColumn gradient_scale = column(tokens.gradient_scale);
  float* const written[] = {tokens.losses, tokens.gradient, tokens.slope, tokens.curvature,
                            tokens.left};
  alignas(64) std::array<std::array<float, kLanes>, std::size(written)> to = {};
  FloatTokens last = tokens;
  last.count = kLanes;
  last.log_p = u.values.data();
  last.old_log_p = old.values.data();
  if (tokens.reference_log_p != nullptr) last.reference_log_p = reference.values.data();
  last.advantage = advantage.values.data();
  last.loss_scale = loss_scale.values.data();
  last.gradient_scale = gradient_scale.values.data();
  last.losses = to[0].data();
  if (tokens.gradient != nullptr) last.gradient = to[1].data();
  if (tokens.slope != nullptr) last.slope = to[2].data();
  if (tokens.curvature != nullptr) last.curvature = to[3].data();
  last.left = to[4].data();
  const bool any_left = Run(last);
  for (size_t i = 0; i < to.size(); ++i) {
    if (written[i] != nullptr) std::copy_n(to[i].begin(), count, written[i] + whole);
  }
  return any_left;
}

// Computes those that the kernel left.
void FloatTokenBlock::ComputeLeft(int64_t begin, int64_t size, const float* u,
                                  const FloatTokenOutputs& outputs) {
  if (!in_double_) in_double_.emplace(plan_, outputs.curvature != nullptr, sums_);
  TokenBlock& block = *in_double_;
  for (int64_t first = 0; first < size; first += TokenBlock::kMostSamples) {
    const int64_t count = std::min(TokenBlock::kMostSamples, size - first);
    const float* const left = left_ + first;
    if (std::find(left, left + count, 1.0F) == left + count) continue;
    block.Evaluate(begin + first, count, u + first, left);
    for (int64_t i = 0; i < count; ++i) {
      if (left[i] == 0) continue;
      const int64_t at = first + i;
      outputs.losses[at] = static_cast<float>(block.value()[i] * block.loss_scale()[i]);
      if (outputs.gradient != nullptr) {
        outputs.gradient[at] = static_cast<float>(block.slope()[i] * block.gradient_scale()[i]);
      }
      if (outputs.slope != nullptr) outputs.slope[at] = block.slope()[i];
      if (outputs.curvature != nullptr) outputs.curvature[at] = block.curvature()[i];
    }
  }
}

}  // namespace lossd::loss
