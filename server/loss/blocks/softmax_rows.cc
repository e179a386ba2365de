#include "server/loss/blocks/softmax_rows.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "server/loss/blocks/class_id_row_block.h"
#include "server/loss/blocks/dense_row_block.h"
#include "server/loss/blocks/target_row_block.h"
#include "server/loss/blocks/thread_scratch.h"

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

template <typename T>
void ComputeDenseRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                      int64_t end) {
  DenseRowBlock<T> block(plan, window);
  for (int64_t row = begin; row < end; ++row) block.Compute(row, plan.kernels.dense_row);
}

// Returns true when rows with a target per class go by their own kernel.
template <typename T>
bool HasTargetKernel(const BatchPlan& plan) {
  return sizeof(T) == sizeof(float) && TargetRowBlock::FindKernel(plan) != nullptr;
}

// Returns `window` with nothing but what the kernel of rows with targets does not compute.
RowWindow<float> WithoutTargetOutputs(const RowWindow<float>& window) {
  RowWindow<float> rest = window;
  for (const Output output :
       {Output::kLosses, Output::kGradient, Output::kProbabilities, Output::kLogSumExp}) {
    rest.outputs[output] = {};
  }
  return rest;
}

struct LeftRow {};

// Computes a row in double, wherever its logits are.
class LeftRows {
 public:
  LeftRows(const BatchPlan& plan, const RowWindow<float>& window)
      : plan_(plan), window_(window), own_(window) {}

  void Compute(int64_t row) {
    const RowWindow<float> cut = CutRows(window_, row, row + 1);
    own_.first_row = cut.first_row;
    own_.outputs = cut.outputs;
    own_.logits = cut.logits;
    if (window_.logits.empty()) {
      if (!logits_) logits_.emplace(static_cast<size_t>(window_.classes));
      plan_.batch.logit_reader->Read(row * window_.classes, logits_->span());
      own_.logits = logits_->span();
    }
    if (!block_) block_.emplace(plan_, own_);
    block_->Compute(row, plan_.kernels.dense_row);
  }

 private:
  const BatchPlan& plan_;
  const RowWindow<float>& window_;
  RowWindow<float> own_;  // of the row
  std::optional<ThreadScratch<float, LeftRow>> logits_;
  std::optional<DenseRowBlock<float>> block_;
};

void ComputeTargetRows(const BatchPlan& plan, const RowWindow<float>& window, int64_t begin,
                       int64_t end) {
  TargetRowBlock block(plan, window, begin, end);
  block.Compute(TargetRowBlock::FindKernel(plan));
  LeftRows left(plan, window);
  const RowWindow<float> rest = WithoutTargetOutputs(window);
  std::optional<DenseRowBlock<float>> dense;
  if (TargetRowBlock::AsksForMore(window)) dense.emplace(plan, rest);
  for (int64_t row = begin; row < end; ++row) {
    if (block.IsLeft(row)) {
      left.Compute(row);
    } else if (dense) {
      dense->Compute(row, plan.kernels.dense_row);
    }
  }
}

// Computes rows that have no kernel of one true class in their own type, by the best there is.
void ComputeOtherRows(const BatchPlan& plan, const RowWindow<float>& window, int64_t begin,
                      int64_t end) {
  if (HasTargetKernel<float>(plan)) {
    ComputeTargetRows(plan, window, begin, end);
  } else {
    ComputeDenseRows(plan, window, begin, end);
  }
}
void ComputeOtherRows(const BatchPlan& plan, const RowWindow<double>& window, int64_t begin,
                      int64_t end) {
  ComputeDenseRows(plan, window, begin, end);
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
bool ReadsPieces(const BatchPlan& plan, const RowWindow<T>& whole) {
  if (FindClassIdKernels<T>(plan).any()) return true;
  return HasTargetKernel<T>(plan) && !TargetRowBlock::AsksForMore(whole);
}

template <typename T>
bool WritesHalfGradient(const BatchPlan& plan) {
  return sizeof(T) == sizeof(float) && FindClassIdKernels<T>(plan).plain != nullptr;
}

template <typename T>
void ComputeSoftmaxRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                        int64_t end) {
  if (!FindClassIdKernels<T>(plan).any()) {
    ComputeOtherRows(plan, window, begin, end);
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
template bool ReadsPieces<float>(const BatchPlan&, const RowWindow<float>&);
template bool ReadsPieces<double>(const BatchPlan&, const RowWindow<double>&);
template bool WritesHalfGradient<float>(const BatchPlan&);
template bool WritesHalfGradient<double>(const BatchPlan&);
template void ComputeSoftmaxRows(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ComputeSoftmaxRows(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
