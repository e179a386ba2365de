#include "server/loss/blocks/ignored_samples.h"

#include <algorithm>
#include <cstddef>

#include "server/kernels/dispatch.h"
#include "server/loss/blocks/strided_rows.h"

namespace lossd::loss {
namespace {

// Writes 0 to the probabilities of `row`, wherever its classes lie.
template <typename T>
void ClearRow(const BatchPlan& plan, const RowWindow<T>& window, int64_t row) {
  const absl::Span<T> matrix = window.outputs[Output::kProbabilities];
  const int64_t classes = plan.batch.classes;
  if (window.layout == MatrixLayout::kRows) {
    T* const first = window.RowAt(matrix, row);
    std::fill(first, first + classes, T(0));
    return;
  }
  const int64_t inner = plan.batch.inner;
  T* const first = matrix.data() + StridedMatrix{classes, inner}.Offset(row);
  for (int64_t k = 0; k < classes; ++k) first[k * inner] = T(0);
}

template <typename T>
void ClearElements(const BatchPlan& plan, const RowWindow<T>& window, int64_t row) {
  T* const probabilities = window.RowAt(window.outputs[Output::kProbabilities], row);
  for (int64_t k = 0; k < plan.batch.classes; ++k) {
    if (plan.labels.ignored(row, k)) probabilities[k] = T(0);
  }
}

}  // namespace

std::vector<uint8_t> FindWeightless(const Batch& batch, Activation activation,
                                    const Cancellation& cancellation) {
  const absl::Span<const double> weights = batch.sample_weights.values;
  const auto count = static_cast<int64_t>(weights.size());
  const int64_t per_row = activation == Activation::kSoftmax ? 1 : batch.classes;
  const int64_t repeat = batch.sample_weights.repeat;
  std::vector<uint8_t> weightless;
  // Nearly always no weight is 0, which counting finds out in little time.
  ForEachBlock(count, repeat, cancellation, [&](int64_t begin, int64_t end) {
    const double* const from = weights.data() + begin;
    if (kernels::CurrentSums().of_weights(from, end - begin).zeros == 0) return;
    if (weightless.empty()) weightless.resize(static_cast<size_t>(batch.rows * per_row));
    uint8_t* to = weightless.data() + begin * repeat;
    if (repeat == 1) return kernels::CurrentSums().mark_zeros(from, end - begin, to);
    for (int64_t i = 0; i < end - begin; ++i, to += repeat) {
      std::fill_n(to, repeat, from[i] == 0 ? 1 : 0);
    }
  });
  return weightless;
}

template <typename T>
void ClearIgnored(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end) {
  if (plan.labels.ignores_none()) return;
  const bool probabilities = !window.outputs[Output::kProbabilities].empty();
  const bool log_sum_exp = !window.outputs[Output::kLogSumExp].empty();
  if (!probabilities && !log_sum_exp) return;
  for (int64_t row = begin; row < end; ++row) {
    if (!plan.is_softmax()) {
      ClearElements(plan, window, row);
    } else if (plan.labels.ignored(row, 0)) {
      if (log_sum_exp) *window.SampleAt(Output::kLogSumExp, row) = T(0);
      if (probabilities) ClearRow(plan, window, row);
    }
  }
}

template void ClearIgnored(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ClearIgnored(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
