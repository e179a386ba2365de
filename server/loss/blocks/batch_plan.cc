#include "server/loss/blocks/batch_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <variant>

namespace lossd::loss {
namespace {

// Matrices of more bytes are written past the caches where a kernel can: the lines that they would
// take there have to be read from memory first, and an answer is sent from memory as fast.
constexpr size_t kStreamingBytes = size_t{1} << 20;

Wide ResolveDivisor(const ComputeOptions& options, const SampleTotals& totals) {
  const bool wide = totals.wide_weight_sum != 0;
  switch (options.reduction) {
    case Reduction::kNone:
    case Reduction::kSum:
    case Reduction::kSequenceMean:  // SequenceMean divides
      return 1;
    case Reduction::kMean:
      if (options.normalizer) return *options.normalizer;
      return wide ? totals.wide_weight_sum : totals.weight_sum;
    case Reduction::kMeanValid:
      return options.normalizer.value_or(static_cast<double>(totals.valid_count));
  }
  return 1;
}

// Returns true when every upstream gradient is in `range`; those of ignored samples may be
// anything, and are not asked.
bool AreIn(const OrdinaryRange& range, const PerSample& upstream, const ElementLabels& labels,
           int64_t rows, int64_t samples_per_row, const Cancellation& cancellation) {
  const auto is_out = [&](double u) { return !range.HasOrZero(u); };
  bool is_any_out = false;
  const absl::Span<const double> all = upstream.values;
  ForEachBlock(static_cast<int64_t>(all.size()), 1, cancellation, [&](int64_t begin, int64_t end) {
    is_any_out |= std::any_of(all.begin() + begin, all.begin() + end, is_out);
  });
  if (!is_any_out) return true;
  is_any_out = false;
  ForEachBlock(rows, samples_per_row, cancellation, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t k = 0; k < samples_per_row; ++k) {
        is_any_out |= is_out(upstream[row * samples_per_row + k]) && !labels.ignored(row, k);
      }
    }
  });
  return !is_any_out;
}

// Returns true when no product of two of the factors that all samples share leaves double's range.
bool HasOrdinaryFactors(const LossSpec& spec, const ComputeOptions& options,
                        const ClassTerms& terms, const LogitTransform& transform,
                        const OrdinaryRange& range) {
  return range.HasOrZero(options.normalizer.value_or(1)) &&
         range.Has(static_cast<double>(spec.target_scale())) &&
         range.HasOrZero(options.gradient_scale) && transform.exponent() == 0 && terms.AreIn(range);
}

BatchScale ScaleOf(const ComputeOptions& options, const LogitTransform& transform, Wide divisor,
                   bool wide, int exponent) {
  BatchScale scale;
  scale.gradient_scale = options.gradient_scale;
  scale.wide = wide;
  scale.exponent = exponent;
  if (!wide) {
    scale.gradient = scale.hessian = divisor == 0 ? 0 : 1 / static_cast<double>(divisor);
    return scale;
  }
  const Wide d = divisor == 0 ? 0 : 1 / divisor;
  scale.gradient = std::scalbn(d, transform.exponent());
  scale.hessian = std::scalbn(d, 2 * transform.exponent());
  return scale;
}

kernels::Stores ChooseStores(const Batch& batch, size_t element_size) {
  const size_t bytes = static_cast<size_t>(batch.rows * batch.classes) * element_size;
  return bytes > kStreamingBytes ? kernels::Stores::kStreaming : kernels::Stores::kCached;
}

}  // namespace

int BatchPlan::SummingExponent() const {
  if (!scales.wide() || totals.factor_sum == 0) return 0;
  const int sum = std::ilogb(totals.factor_sum);
  const int least = std::ilogb(totals.least_factor);
  const int most = std::ilogb(OrdinaryRangeOf(element_size).most);
  if (std::abs(sum) <= most) return 0;
  // Up to here the losses themselves can be large. Beside weights that are far smaller than the sum
  // there is less room for them: else those would be 0.
  const int usual = most - 1 - sum;
  const int largest = most + most / 2 - sum;
  return std::clamp(-most - least, usual, largest);
}

BatchPlan PlanBatch(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                    const ClassTerms& terms, const LogitTransform& transform, size_t element_size,
                    const Executor& executor, const Cancellation& cancellation,
                    const MiningDecision& decided, int exponent) {
  const int64_t samples_per_row = spec.activation == Activation::kSoftmax ? 1 : batch.classes;
  const ElementLabels labels(batch, spec.ignore_index, decided.dropped, samples_per_row);
  SampleTotals totals = CountSamples({batch, spec, terms, labels}, cancellation);
  const OrdinaryRange range = OrdinaryRangeOf(element_size);
  const bool shared =
      HasOrdinaryFactors(spec, options, terms, transform, range) &&
      AreIn(range, batch.upstream_gradient, labels, batch.rows, samples_per_row, cancellation);
  bool wide = !shared || (totals.valid_count > 0 && !range.Has(totals.weight_sum));
  if (wide && !AddWideSums({batch, spec, terms, labels}, options.cancelled, executor, totals)) {
    cancellation.Ask();
  }
  // Samples whose classes all weigh 0 are ordinary.
  if (shared && totals.wide_weight_sum == 0 &&
      range.HasOrZero(static_cast<double>(totals.factor_sum)))
    wide = false;
  const Wide divisor = ResolveDivisor(options, totals);
  const BatchScale scale = ScaleOf(options, transform, divisor, wide, exponent);
  return {batch,
          spec,
          options,
          terms,
          transform,
          KernelsOf(*spec.form),
          labels,
          totals,
          divisor,
          SampleScales(batch, decided.weights, scale),
          options.hessian_mode == HessianMode::kPositive ? kernels::Curvature::kPositive
                                                         : kernels::Curvature::kExact,
          ChooseStores(batch, element_size),
          element_size,
          RowShaping(batch, spec, terms, transform, element_size, cancellation),
          decided.sequence_mean,
          decided.token_terms,
          decided.inner};
}

}  // namespace lossd::loss
