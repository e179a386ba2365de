#include "server/loss/blocks/softmax_rows.h"

#include <algorithm>

#include "server/loss/blocks/class_id_row_block.h"
#include "server/loss/blocks/dense_row_block.h"

namespace lossd::loss {
namespace {

// The kernels of rows with one true class; at most one is not null. Both are when the batch or the
// loss asks for more than they do.
template <typename T>
struct ClassIdKernels {
  bool any() const { return plain != nullptr || shaped != nullptr; }

  typename ClassIdRowBlock<T>::Kernel plain = nullptr;
  typename ClassIdRowBlock<T>::ShapedKernel shaped = nullptr;
};

template <typename T>
ClassIdKernels<T> FindClassIdKernels(const BatchPlan& plan) {
  ClassIdKernels<T> found;
  if (!plan.is_softmax() || !plan.labels.has_class_ids()) return found;
  if constexpr (sizeof(T) == sizeof(float)) {
    found = {plan.kernels.class_id_rows_f32, plan.kernels.shaped_rows_f32};
  } else {
    found = {plan.kernels.class_id_rows_f64, plan.kernels.shaped_rows_f64};
  }
  if (!plan.shaping.is_plain()) found.plain = nullptr;
  if (!plan.shaping.fits() || found.plain != nullptr) found.shaped = nullptr;
  return found;
}

template <typename T>
void ComputeClassIdRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                        int64_t end) {
  const ClassIdKernels<T> kernels = FindClassIdKernels<T>(plan);
  ClassIdRowBlock<T> block(plan, window, begin, end);
  if (kernels.plain != nullptr) {
    block.Compute(kernels.plain);
  } else {
    block.ComputeShaped(kernels.shaped);
  }
}

}  // namespace

template <typename T>
bool ReadsStridedRows(const BatchPlan& plan) {
  // The kernel's tiles are filled by rows that lie side by side; with fewer it computes many for
  // nothing.
  constexpr int64_t kFewestRows = 64;
  return plan.batch.classes <= kernels::kMaxStridedClasses && plan.batch.inner >= kFewestRows &&
         FindClassIdKernels<T>(plan).any();
}

template <typename T>
bool ReadsPieces(const BatchPlan& plan) {
  return FindClassIdKernels<T>(plan).any();
}

template <typename T>
void ComputeSoftmaxRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                        int64_t end) {
  if (!FindClassIdKernels<T>(plan).any()) {
    DenseRowBlock<T> block(plan, window);
    for (int64_t row = begin; row < end; ++row) block.Compute(row, plan.kernels.dense_row);
  } else if (window.layout == MatrixLayout::kRows) {
    ComputeClassIdRows(plan, window, begin, end);
  } else {
    // Rows lie side by side as far as the end of their entry of axis 0.
    const int64_t inner = plan.batch.inner;
    for (int64_t row = begin; row < end;) {
      const int64_t stop = std::min(end, (row / inner + 1) * inner);
      ComputeClassIdRows(plan, window, row, stop);
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
