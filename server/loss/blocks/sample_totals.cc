#include "server/loss/blocks/sample_totals.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "server/kernels/dispatch.h"
#include "server/kernels/form_kernels.h"
#include "server/loss/blocks/teacher_row.h"

namespace lossd::loss {
namespace {

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

}  // namespace

SampleTotals CountSamples(const Weighed& weighed, const Cancellation& cancellation) {
  const Batch& batch = weighed.batch;
  const LossSpec& spec = weighed.spec;
  const ClassTerms& terms = weighed.terms;
  const ElementLabels& labels = weighed.labels;
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

}  // namespace lossd::loss
