#include "server/loss/blocks/softmax_rows.h"

#include <algorithm>

#include "server/loss/blocks/class_id_row_block.h"
#include "server/loss/blocks/dense_row_block.h"

namespace lossd::loss {
namespace {

// Returns the kernel of rows with one true class, or null when the batch or the loss asks for more
// than it does.
template <typename T>
typename ClassIdRowBlock<T>::Kernel FindClassIdKernel(const BatchPlan& plan) {
  const bool plain =
      plan.spec.label_smoothing == 0 && plan.spec.z_loss == 0 && plan.transform.identity();
  if (!plan.is_softmax() || !plain || !plan.labels.has_class_ids()) return nullptr;
  if constexpr (sizeof(T) == sizeof(float)) {
    return plan.kernels.class_id_rows_f32;
  } else {
    return plan.kernels.class_id_rows_f64;
  }
}

}  // namespace

template <typename T>
bool ReadsStridedRows(const BatchPlan& plan) {
  // The kernel's tiles are filled by rows that lie side by side; with fewer it computes many for
  // nothing.
  constexpr int64_t kFewestRows = 64;
  return plan.batch.classes <= kernels::kMaxStridedClasses && plan.batch.inner >= kFewestRows &&
         FindClassIdKernel<T>(plan) != nullptr;
}

template <typename T>
bool ReadsPieces(const BatchPlan& plan) {
  return FindClassIdKernel<T>(plan) != nullptr;
}

template <typename T>
void ComputeSoftmaxRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                        int64_t end) {
  const auto class_id_kernel = FindClassIdKernel<T>(plan);
  if (class_id_kernel == nullptr) {
    DenseRowBlock<T> block(plan, window);
    for (int64_t row = begin; row < end; ++row) block.Compute(row, plan.kernels.dense_row);
  } else if (window.layout == MatrixLayout::kRows) {
    ClassIdRowBlock<T>(plan, window, begin, end).Compute(class_id_kernel);
  } else {
    // Rows lie side by side as far as the end of their entry of axis 0.
    const int64_t inner = plan.batch.inner;
    for (int64_t row = begin; row < end;) {
      const int64_t stop = std::min(end, (row / inner + 1) * inner);
      ClassIdRowBlock<T>(plan, window, row, stop).Compute(class_id_kernel);
      row = stop;
    }
  }
}

template bool ReadsStridedRows<float>(const BatchPlan&);
template bool ReadsStridedRows<double>(const BatchPlan&);
template bool ReadsPieces<float>(const BatchPlan&);
template bool ReadsPieces<double>(const BatchPlan&);
template void ComputeSoftmaxRows(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ComputeSoftmaxRows(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
