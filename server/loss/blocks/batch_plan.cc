#include "server/loss/blocks/batch_plan.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "server/kernels/dispatch.h"
#include "server/loss/blocks/teacher_row.h"

namespace lossd::loss {
namespace {

// Matrices of more bytes are written past the caches where a kernel can: the lines that they would
// take there have to be read from memory first, and an answer is sent from memory as fast.
constexpr size_t kStreamingBytes = size_t{1} << 20;

// Returns the sum with the weights added one by one, as a client does that cuts a batch.
double AddInOrder(double sum, absl::Span<const double> weights, const kernels::WeightSums& of) {
  // Whole numbers have one sum in any order.
  const bool is_mask = of.zeros + of.ones == static_cast<int64_t>(weights.size());
  if (sum == std::floor(sum) && is_mask) return sum + of.sum;
  for (const double weight : weights) sum += weight;
  return sum;
}

// Counts samples that have a weight each; those of weight 0, which add nothing, are all that are
// dropped.
SampleTotals CountWeighted(absl::Span<const double> weights, absl::Span<const uint8_t> dropped,
                           const Cancellation& cancellation) {
  SampleTotals totals;
  const auto samples = static_cast<int64_t>(weights.size());
  totals.valid_count = samples;
  ForEachBlock(samples, 1, cancellation, [&](int64_t begin, int64_t end) {
    const absl::Span<const double> block =
        weights.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    const kernels::WeightSums sums = kernels::CurrentSums().of_weights(block.data(), end - begin);
    totals.weight_sum = AddInOrder(totals.weight_sum, block, sums);
    if (!dropped.empty()) totals.valid_count -= sums.zeros;
  });
  return totals;
}

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
  const PerSample& weights = batch.sample_weights;
  const bool ignores_weightless =
      !labels.ignores_by_label() && std::holds_alternative<std::monostate>(spec.mining);
  if (!by_class && ignores_weightless && !weights.empty() && weights.repeat == 1) {
    return CountWeighted(weights.values, labels.dropped(), cancellation);
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

// What the sums that are taken in Wide are of.
struct Weighed {
  const Batch& batch;
  const LossSpec& spec;
  const ClassTerms& terms;
  const ElementLabels& labels;
};

// Calls f(k, t) for the target of each class of a softmax row. `teacher` is null where there is
// none.
template <typename F>
void ForEachTarget(const Weighed& weighed, TeacherRow* teacher, int64_t row, F f) {
  const int64_t classes = weighed.batch.classes;
  if (teacher == nullptr) {
    for (int64_t k = 0; k < classes; ++k) f(k, Wide{weighed.labels.target(row, k)});
    return;
  }
  teacher->Load(row);
  for (int64_t k = 0; k < classes; ++k) f(k, Wide{teacher->targets()[k]});
}

// Returns the most that a softmax row's terms are multiplied by, beside its sample weight:
// ((1 - ε) Σ v t + (ε / C) Σ t Σ v) τ² + λ, where τ² is the spec's target_scale().
Wide RowFactor(const Weighed& weighed, TeacherRow* teacher, Wide class_weight_sum, int64_t row) {
  const auto& [batch, spec, terms, labels] = weighed;
  const double smoothing = KernelsOf(*spec.form).weighs_whole ? 0 : spec.label_smoothing;
  Wide weighted = 0;
  Wide targets = 0;
  if (labels.has_class_ids()) {
    weighted = terms.weight(labels.class_id(row));
    targets = 1;
  } else {
    ForEachTarget(weighed, teacher, row, [&](int64_t k, Wide t) {
      weighted += weighed.terms.weight(k) * t;
      targets += t;
    });
  }
  const Wide spread = smoothing / static_cast<Wide>(batch.classes);
  const Wide of_targets = (1 - smoothing) * weighted + spread * targets * class_weight_sum;
  return of_targets * spec.target_scale() + spec.z_loss;
}

// Returns the same of an element: ((1 - ε) v̄ + ε max(a₁, a₀)) τ².
Wide ElementFactor(const LossSpec& spec, const ClassTerms& terms, int64_t k, double target) {
  const double smoothing = KernelsOf(*spec.form).weighs_whole ? 0 : spec.label_smoothing;
  const Wide other = std::max(terms.positive(k), terms.negative(k));
  const Wide of_target = (1 - smoothing) * Wide{terms.whole(k, target)} + smoothing * other;
  return of_target * spec.target_scale();
}

struct WideSums {
  Wide weight = 0;
  Wide factor = 0;
  Wide least_factor = 0;

  void AddFactor(Wide one) {
    factor += one;
    NoteLeast(one);
  }
  void NoteLeast(Wide one) {
    if (one > 0 && (least_factor == 0 || one < least_factor)) least_factor = one;
  }
};

WideSums SumRows(const Weighed& weighed, Wide class_weight_sum, int64_t begin, int64_t end) {
  const auto& [batch, spec, terms, labels] = weighed;
  const bool softmax = spec.activation == Activation::kSoftmax;
  const int64_t per_row = softmax ? 1 : batch.classes;
  const bool by_class = softmax && labels.has_class_ids();
  const bool has_classes = spec.activation != Activation::kLogProbability;
  std::optional<TeacherRow> teacher;
  if (labels.has_teacher()) teacher.emplace(std::get<Targets>(batch.labels), batch.classes);
  WideSums sums;
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t k = 0; k < per_row; ++k) {
      if (labels.ignored(row, k)) continue;
      const Wide s = batch.sample_weights[row * per_row + k];
      sums.weight += by_class ? s * terms.weight(labels.class_id(row)) : s;
      if (!has_classes) {
        sums.AddFactor(s);
        continue;
      }
      TeacherRow* const taught = teacher ? &*teacher : nullptr;
      sums.AddFactor(s * (softmax ? RowFactor(weighed, taught, class_weight_sum, row)
                                  : ElementFactor(spec, terms, k, labels.target(row, k))));
    }
  }
  return sums;
}

// Adds the sums that are taken in Wide; the same bits on any number of threads. Returns false if
// the call was cancelled.
bool AddWideSums(const Weighed& weighed, const std::function<bool()>& cancelled,
                 const Executor& executor, SampleTotals& totals) {
  const Batch& batch = weighed.batch;
  Wide class_weight_sum = 0;
  if (weighed.spec.activation == Activation::kSoftmax) {
    for (int64_t k = 0; k < batch.classes; ++k) class_weight_sum += weighed.terms.weight(k);
  }
  const int64_t block = std::max<int64_t>(1, kLoopBlock / std::max<int64_t>(1, batch.classes));
  std::vector<WideSums> blocks(static_cast<size_t>((batch.rows + block - 1) / block));
  const bool done =
      executor.ParallelFor(batch.rows, block, cancelled, [&](int64_t begin, int64_t end) {
        blocks[static_cast<size_t>(begin / block)] = SumRows(weighed, class_weight_sum, begin, end);
      });
  WideSums all;
  for (const WideSums& sums : blocks) {
    all.weight += sums.weight;
    all.factor += sums.factor;
    all.NoteLeast(sums.least_factor);
  }
  totals.wide_weight_sum = all.weight;
  totals.factor_sum = all.factor;
  totals.least_factor = all.least_factor;
  return done;
}

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
  SampleTotals totals = CountSamples(batch, spec, terms, labels, cancellation);
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
