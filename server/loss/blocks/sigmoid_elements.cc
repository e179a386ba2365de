#include "server/loss/blocks/sigmoid_elements.h"

#include <algorithm>
#include <optional>

#include "server/loss/blocks/dense_element_block.h"
#include "server/loss/blocks/element_block.h"
#include "server/loss/wide.h"

namespace lossd::loss {
namespace {

// Returns true when the form's parameters have a size that float has room for.
bool FitsFloat(const BatchPlan& plan) {
  const OrdinaryRange range = OrdinaryRangeOf(sizeof(float));
  const FormParameters& parameters = plan.spec.parameters;
  return plan.kernels.fits_float(parameters) &&
         std::all_of(parameters.begin(), parameters.end(),
                     [&](double parameter) { return range.HasOrZero(parameter); });
}

// Returns the kernel of elements in their own type, or null when the loss asks for more than it
// does.
template <typename T>
typename ElementBlock<T>::Kernel FindKernel(const BatchPlan& plan) {
  if (!plan.transform.identity()) return nullptr;
  if constexpr (ElementBlock<T>::kTakesTargets) {
    // Forms that have a kernel in double too take any parameters where labels are hard.
    const bool asks = !plan.labels.hard() || plan.spec.label_smoothing != 0 ||
                      plan.kernels.elements_f64 == nullptr;
    return asks && !FitsFloat(plan) ? nullptr : plan.kernels.elements_f32;
  } else {
    return plan.spec.label_smoothing != 0 ? nullptr : plan.kernels.elements_f64;
  }
}

}  // namespace

template <typename T>
void ComputeSigmoidElements(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin_row,
                            int64_t end_row) {
  const int64_t begin = begin_row * plan.batch.classes;
  const int64_t end = end_row * plan.batch.classes;
  const auto kernel = FindKernel<T>(plan);
  if (kernel == nullptr) {
    DenseElementBlock<T>(plan, window).Compute(begin, end - begin, plan.kernels.dense_elements);
    return;
  }
  constexpr int64_t kAtOnce = ElementBlock<T>::kMostElements;
  ElementBlock<T> block(plan, window, kernel);
  std::optional<DenseElementBlock<T>> dense;
  for (int64_t i = begin; i < end; i += kAtOnce) {
    const int64_t size = std::min(kAtOnce, end - i);
    const int64_t taken = block.Compute(i, size);
    if (taken == size && !plan.scales.wide()) continue;
    // Each element is computed by the path of its own kind, so that its bits do not depend on its
    // neighbours.
    if (!dense) dense.emplace(plan, window);
    dense->Compute(i, size, plan.kernels.dense_elements);
    if (taken > 0) block.ComputeOrdinaryOnes(i, size);
  }
}

template void ComputeSigmoidElements(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ComputeSigmoidElements(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
