#include "server/loss/tokens/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>

#include "server/kernels/dispatch.h"
#include "server/kernels/hessian.h"
#include "server/loss/tokens/float_token_block.h"
#include "server/loss/tokens/token_block.h"

namespace lossd::loss {
namespace {

// Write value · scale, rounded to the output's type; the scales of ignored samples are 0.
void WriteScaled(const double* value, const double* scale, int64_t size, float* to) {
  kernels::CurrentTokens().write_f32(value, scale, size, to);
}
void WriteScaled(const double* value, const double* scale, int64_t size, double* to) {
  kernels::CurrentTokens().write_f64(value, scale, size, to);
}

// Does the same for second derivatives, of which Curvature::kPositive takes the magnitude.
template <typename T>
void WriteCurvature(const BatchPlan& plan, const double* curvature, const double* scale,
                    int64_t size, T* to) {
  if (plan.curvature == kernels::Curvature::kExact) return WriteScaled(curvature, scale, size, to);
  for (int64_t i = 0; i < size; ++i) {
    const double h = std::abs(curvature[i] * scale[i]);
    to[i] = static_cast<T>(h < kHessianFloor ? kHessianFloor : h);
  }
}

template <typename T>
void Record(const T* log_p, const double* slope, int64_t begin, int64_t size,
            SampleRecords& records) {
  for (int64_t i = 0; i < size; ++i) {
    const auto sample = static_cast<size_t>(begin + i);
    const double p = std::exp(std::min(static_cast<double>(log_p[i]), 0.0));
    records.true_probability[sample] = p;
    records.gradient_l1[sample] = std::abs(slope[i]);
    records.vanishing[sample] = Vanishes(p, slope[i]) ? 1 : 0;
  }
}

struct FloatDerivatives {};

// Computes rows of a loss that FloatTokenBlock serves.
void ComputeInFloat(const BatchPlan& plan, const RowWindow<float>& window, int64_t begin,
                    int64_t end) {
  constexpr int64_t kMost = FloatTokenBlock::kMostSamples;
  float* const gradient = window.RowAt(window.outputs[Output::kGradient], begin);
  float* const hessian = window.RowAt(window.outputs[Output::kHessianDiagonal], begin);
  const float* const u = window.RowAt(window.logits, begin);
  FloatTokenBlock block(plan, window.policy_sums);
  const ThreadScratch<double, FloatDerivatives> memory(3 * kMost);
  double* const slope = memory.span().data();
  double* const curvature = slope + kMost;
  double* const scale = curvature + kMost;
  for (int64_t first = begin; first < end; first += kMost) {
    const int64_t size = std::min(kMost, end - first);
    const int64_t at = first - begin;
    FloatTokenOutputs outputs;
    outputs.losses = window.SampleAt(Output::kLosses, first);
    if (gradient != nullptr) outputs.gradient = gradient + at;
    if (window.records.wanted()) outputs.slope = slope;
    if (hessian != nullptr) outputs.curvature = curvature;
    block.Evaluate(first, size, u + at, outputs);
    if (window.records.wanted()) Record(u + at, slope, first, size, window.records);
    if (hessian == nullptr) continue;
    for (int64_t i = 0; i < size; ++i) {
      scale[i] = plan.ignored(first + i) ? 0 : plan.scales[first + i].hessian;
    }
    WriteCurvature(plan, curvature, scale, size, hessian + at);
  }
}

}  // namespace

template <typename T>
void ComputeLogProbabilities(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                             int64_t end) {
  if constexpr (std::is_same_v<T, float>) {
    if (FloatTokenBlock::Serves(plan)) return ComputeInFloat(plan, window, begin, end);
  }
  T* const gradient = window.RowAt(window.outputs[Output::kGradient], begin);
  T* const hessian = window.RowAt(window.outputs[Output::kHessianDiagonal], begin);
  const T* const u = window.RowAt(window.logits, begin);
  TokenBlock block(plan, hessian != nullptr, window.policy_sums);
  for (int64_t first = begin; first < end; first += TokenBlock::kMostSamples) {
    const int64_t size = std::min(TokenBlock::kMostSamples, end - first);
    const int64_t at = first - begin;
    block.Evaluate(first, size, u + at);
    WriteScaled(block.value(), block.loss_scale(), size, window.SampleAt(Output::kLosses, first));
    if (gradient != nullptr) {
      WriteScaled(block.slope(), block.gradient_scale(), size, gradient + at);
    }
    if (hessian != nullptr) {
      WriteCurvature(plan, block.curvature(), block.hessian_scale(), size, hessian + at);
    }
    if (window.records.wanted()) Record(block.log_p(), block.slope(), first, size, window.records);
  }
}

template void ComputeLogProbabilities(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ComputeLogProbabilities(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
