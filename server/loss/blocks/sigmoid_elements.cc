#include "server/loss/blocks/sigmoid_elements.h"

#include <algorithm>
#include <optional>

#include "server/loss/blocks/binary_element_block.h"
#include "server/loss/blocks/dense_element_block.h"

namespace lossd::loss {
namespace {

template <typename T>
constexpr int64_t kAtOnce = BinaryElementBlock<T>::kMostElements;

// Returns the kernel of elements with one hard label, or null when the loss asks for more than it
// does.
template <typename T>
typename BinaryElementBlock<T>::Kernel FindBinaryKernel(const BatchPlan& plan) {
  if (plan.spec.label_smoothing != 0 || !plan.transform.identity()) return nullptr;
  if constexpr (sizeof(T) == sizeof(float)) {
    return plan.kernels.binary_elements_f32;
  } else {
    return plan.kernels.binary_elements_f64;
  }
}

// Computes elements of targets. Where soft and hard ones meet, each is computed by the path of its
// own kind, so that its bits do not depend on its neighbours.
template <typename T>
void ComputeTargets(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end,
                    typename BinaryElementBlock<T>::Kernel binary_kernel) {
  BinaryElementBlock<T> binary(plan, window);
  std::optional<DenseElementBlock<T>> dense;
  for (int64_t i = begin; i < end; i += kAtOnce<T>) {
    const int64_t size = std::min(kAtOnce<T>, end - i);
    const int64_t hard = binary.ComputeIfHard(i, size, binary_kernel);
    if (hard == size && !plan.scales.wide()) continue;
    if (!dense) dense.emplace(plan, window);
    dense->Compute(i, size, plan.kernels.dense_elements);
    if (hard > 0) binary.ComputeHardOnes(i, size, binary_kernel);
  }
}

// Computes elements of hard labels whose scales are wide: those whose factors leave their type's
// range in double, and the others as they are in any batch.
template <typename T>
void ComputeWideElements(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                         int64_t end, typename BinaryElementBlock<T>::Kernel binary_kernel) {
  BinaryElementBlock<T> binary(plan, window);
  DenseElementBlock<T> dense(plan, window);
  for (int64_t i = begin; i < end; i += kAtOnce<T>) {
    const int64_t size = std::min(kAtOnce<T>, end - i);
    dense.Compute(i, size, plan.kernels.dense_elements);
    binary.ComputeOrdinaryOnes(i, size, binary_kernel);
  }
}

}  // namespace

template <typename T>
void ComputeSigmoidElements(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin_row,
                            int64_t end_row) {
  const int64_t begin = begin_row * plan.batch.classes;
  const int64_t end = end_row * plan.batch.classes;
  const auto binary_kernel = FindBinaryKernel<T>(plan);
  if (binary_kernel == nullptr) {
    DenseElementBlock<T>(plan, window).Compute(begin, end - begin, plan.kernels.dense_elements);
  } else if (plan.labels.hard() && plan.scales.wide()) {
    ComputeWideElements(plan, window, begin, end, binary_kernel);
  } else if (plan.labels.hard()) {
    BinaryElementBlock<T> block(plan, window);
    for (int64_t i = begin; i < end; i += kAtOnce<T>) {
      block.Compute(i, std::min(kAtOnce<T>, end - i), binary_kernel);
    }
  } else {
    ComputeTargets(plan, window, begin, end, binary_kernel);
  }
}

template void ComputeSigmoidElements(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ComputeSigmoidElements(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
