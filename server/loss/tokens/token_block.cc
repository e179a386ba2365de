#include "server/loss/tokens/token_block.h"

#include <algorithm>
#include <cstdint>

#include "server/kernels/log_probabilities.h"
#include "server/kernels/workspace.h"
#include "server/loss/wide.h"

namespace lossd::loss {
namespace {

// Returns the first element of `memory` that is aligned for the kernels.
double* Aligned(double* memory) {
  constexpr uintptr_t kLine = 64;
  const auto address = reinterpret_cast<uintptr_t>(memory);
  return memory + (kLine - address % kLine) % kLine / sizeof(double);
}

}  // namespace

TokenBlock::TokenBlock(const BatchPlan& plan, bool wants_curvature)
    : plan_(plan), wants_curvature_(wants_curvature), log_p_(Aligned(memory_.span().data())) {
  if (!plan.scales.alike()) return;
  const SampleScale scale = plan.scales[0];
  std::fill(loss_scale_, loss_scale_ + kMostSamples, scale.loss);
  std::fill(gradient_scale_, gradient_scale_ + kMostSamples, scale.gradient);
  std::fill(hessian_scale_, hessian_scale_ + kMostSamples, scale.hessian);
}

// Writes the factors of each sample: 0 for ignored ones, whose upstream gradient may be anything.
void TokenBlock::LoadScales(int64_t begin, int64_t size) {
  if (plan_.scales.wide()) {
    for (int64_t i = 0; i < size; ++i) {
      const bool used = !plan_.labels.ignored(begin + i, 0);
      const SampleScale scale = used ? plan_.scales.WithClass(begin + i, 1) : SampleScale();
      loss_scale_[i] = scale.loss;
      gradient_scale_[i] = scale.gradient;
      hessian_scale_[i] = scale.hessian;
    }
    return;
  }
  plan_.scales.Copy(begin, size, loss_scale_, gradient_scale_, hessian_scale_);
  for (double* const column : {loss_scale_, gradient_scale_, hessian_scale_}) {
    plan_.labels.ClearUnused(begin, size, column);
  }
}

template <typename T>
void TokenBlock::Evaluate(int64_t begin, int64_t size, const T* u) {
  std::copy(u, u + size, log_p_);
  std::fill(log_p_ + size, log_p_ + kernels::PaddedSize(size), 0.0);
  plan_.labels.ClearUnused(begin, size, log_p_);
  if (!plan_.scales.alike()) LoadScales(begin, size);
  kernels::LogProbabilities samples;
  samples.count = size;
  samples.log_p = log_p_;
  samples.value = value_;
  samples.slope = slope_;
  samples.curvature = wants_curvature_ ? curvature_ : nullptr;
  plan_.kernels.log_probabilities(samples, plan_.spec.parameters);
}

template void TokenBlock::Evaluate(int64_t, int64_t, const float*);
template void TokenBlock::Evaluate(int64_t, int64_t, const double*);

}  // namespace lossd::loss
