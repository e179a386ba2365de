#include "server/loss/blocks/batch_plan.h"

namespace lossd::loss {
namespace {

// Matrices of more bytes are written past the caches where a kernel can: the lines that they would
// take there have to be read from memory first, and an answer is sent from memory as fast.
constexpr size_t kStreamingBytes = size_t{1} << 20;

SampleTotals CountSamples(const Batch& batch, const LossSpec& spec, const ClassTerms& terms,
                          const ElementLabels& labels, const Cancellation& cancellation) {
  SampleTotals totals;
  const bool softmax = spec.activation == Activation::kSoftmax;
  const int64_t per_row = softmax ? 1 : batch.classes;
  const bool weightless = batch.sample_weights.empty() && (!softmax || terms.weights().empty());
  const bool by_class = softmax && labels.has_class_ids();
  if (weightless && (by_class || labels.ignores_none())) {
    totals.valid_count =
        batch.rows * per_row - (by_class ? labels.CountIgnoredIds(0, batch.rows) : 0);
    totals.weight_sum = static_cast<double>(totals.valid_count);
    return totals;
  }
  const auto add = [&](int64_t row, int64_t k) {
    const int64_t used = labels.used(row, k);
    totals.valid_count += used;
    const double s = static_cast<double>(used) * batch.sample_weights[row * per_row + k];
    totals.weight_sum += by_class ? s * terms.weight(labels.class_id(row)) : s;
  };
  ForEachBlock(batch.rows, per_row, cancellation, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t k = 0; k < per_row; ++k) add(row, k);
    }
  });
  return totals;
}

double ResolveDivisor(const ComputeOptions& options, const SampleTotals& totals) {
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

kernels::Stores ChooseStores(const Batch& batch, size_t element_size) {
  const size_t bytes = static_cast<size_t>(batch.rows * batch.classes) * element_size;
  return bytes > kStreamingBytes ? kernels::Stores::kStreaming : kernels::Stores::kCached;
}

}  // namespace

BatchPlan PlanBatch(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                    const ClassTerms& terms, const LogitTransform& transform, size_t element_size,
                    const Cancellation& cancellation, const MiningDecision& decided) {
  const int64_t samples_per_row = spec.activation == Activation::kSoftmax ? 1 : batch.classes;
  const ElementLabels labels(batch, spec.ignore_index, decided.dropped, samples_per_row);
  const SampleTotals totals = CountSamples(batch, spec, terms, labels, cancellation);
  const double divisor = ResolveDivisor(options, totals);
  const double derivative_scale = divisor == 0 ? 0 : 1 / divisor;
  return {batch,
          spec,
          options,
          terms,
          transform,
          KernelsOf(*spec.form),
          labels,
          totals,
          divisor,
          SampleScales(batch, decided.weights, derivative_scale, options.gradient_scale),
          options.hessian_mode == HessianMode::kPositive ? kernels::Curvature::kPositive
                                                         : kernels::Curvature::kExact,
          ChooseStores(batch, element_size)};
}

}  // namespace lossd::loss
