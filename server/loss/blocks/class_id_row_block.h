#ifndef LOSSD_SERVER_LOSS_BLOCKS_CLASS_ID_ROW_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_CLASS_ID_ROW_BLOCK_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/workspace.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/blocks/strided_rows.h"
#include "server/loss/blocks/thread_scratch.h"

namespace lossd::loss {

struct ClassIdRowWorkspace {};

// Softmax rows with one true class and no smoothing: straight from the request's logits to the
// outputs.
template <typename T>
class ClassIdRowBlock {
 public:
  using Kernel = void (*)(const kernels::ClassIdRows<T>&, const FormParameters&);

  ClassIdRowBlock(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end)
      : plan_(plan),
        window_(window),
        begin_(begin),
        size_(end - begin),
        strided_(window.layout == MatrixLayout::kStrided),
        uniform_(plan.terms.weights().empty() && plan.scales.alike() &&
                 plan.labels.CountIgnoredIds(begin, end) == 0),
        workspace_(static_cast<size_t>(kernels::RowWorkspaceSize(plan.batch.classes))) {}

  void Compute(Kernel kernel) {
    kernels::ClassIdRows<T> rows = MakeInputs();
    BindOutputs(rows);
    kernel(rows, plan_.spec.parameters);
    if (window_.records.wanted()) Record(rows);
  }

 private:
  kernels::ClassIdRows<T> MakeInputs() {
    kernels::ClassIdRows<T> rows;
    rows.row_count = size_;
    rows.class_count = plan_.batch.classes;
    rows.curvature = plan_.curvature;
    rows.workspace = workspace_.span().data();
    rows.stores = window_.stores;
    if (uniform_) {
      const SampleScale scale = plan_.scales[begin_];
      rows.class_ids = plan_.labels.class_ids().data() + begin_;
      rows.factors = {1, scale.loss, scale.gradient, scale.hessian};
    } else {
      FillColumns(rows);
    }
    return rows;
  }

  void FillColumns(kernels::ClassIdRows<T>& rows) {
    const auto size = static_cast<size_t>(size_);
    ids_.resize(size);
    for (auto* column : {&class_weight_, &sample_weight_, &gradient_scale_, &hessian_scale_}) {
      column->resize(size);
    }
    const bool wide = plan_.scales.wide();
    for (size_t i = 0; i < size; ++i) {
      const int64_t row = begin_ + static_cast<int64_t>(i);
      const int64_t used = plan_.labels.used(row, 0);
      ids_[i] = used * plan_.labels.class_id(row);
      const double weight = plan_.terms.weight(ids_[i]);
      const bool clears = (plan_.scales.has_upstream() || wide) && used == 0;
      const SampleScale scale = clears ? SampleScale()
                                : wide ? plan_.scales.WithClass(row, weight)
                                       : plan_.scales[row];
      class_weight_[i] = static_cast<double>(used) * (wide ? 1 : weight);
      sample_weight_[i] = scale.loss;
      gradient_scale_[i] = scale.gradient;
      hessian_scale_[i] = scale.hessian;
    }
    rows.class_ids = ids_.data();
    rows.class_weight = class_weight_.data();
    rows.sample_weight = sample_weight_.data();
    rows.gradient_scale = gradient_scale_.data();
    rows.hessian_scale = hessian_scale_.data();
  }

  // Returns where the matrix has the first row's first class.
  template <typename U>
  U* MatrixAt(absl::Span<U> matrix) const {
    if (!strided_) return window_.RowAt(matrix, begin_);
    return EntryAt(matrix, StridedMatrix{plan_.batch.classes, plan_.batch.inner}.Offset(begin_));
  }

  void BindMatrices(kernels::ClassIdRows<T>& rows) {
    if (strided_) rows.class_stride = plan_.batch.inner;
    rows.logits = MatrixAt(window_.logits);
    rows.pieces = window_.logit_pieces.data();
    rows.piece_count = static_cast<int64_t>(window_.logit_pieces.size());
    rows.piece_offset = begin_ * plan_.batch.classes * static_cast<int64_t>(sizeof(T));
    rows.gradient = MatrixAt(window_.outputs[Output::kGradient]);
    rows.hessian = MatrixAt(window_.outputs[Output::kHessianDiagonal]);
    rows.probabilities = MatrixAt(window_.outputs[Output::kProbabilities]);
  }

  void BindOutputs(kernels::ClassIdRows<T>& rows) {
    BindMatrices(rows);
    rows.losses = window_.SampleAt(Output::kLosses, begin_);
    rows.log_sum_exp = window_.SampleAt(Output::kLogSumExp, begin_);
    if (window_.records.wanted()) {
      true_probability_.resize(static_cast<size_t>(size_));
      true_gradient_.resize(static_cast<size_t>(size_));
      rows.true_probability = true_probability_.data();
      rows.true_gradient = true_gradient_.data();
    }
  }

  void Record(const kernels::ClassIdRows<T>& rows) {
    for (int64_t i = 0; i < size_; ++i) {
      const auto row = static_cast<size_t>(begin_ + i);
      const double p = rows.true_probability[i];
      const double g = rows.true_gradient[i];
      const double weight = uniform_ ? 1 : rows.class_weight[i] * rows.sample_weight[i];
      window_.records.true_probability[row] = p;
      // The |g_j| of the other classes add up to the true class's.
      window_.records.gradient_l1[row] = weight == 0 ? 0 : 2 * weight * std::abs(g);
      window_.records.vanishing[row] = Vanishes(p, g) ? 1 : 0;
    }
  }

  const BatchPlan& plan_;
  const RowWindow<T>& window_;
  int64_t begin_;
  int64_t size_;
  bool strided_;
  bool uniform_;  // rows differ in nothing but their logits and their class
  ThreadScratch<T, ClassIdRowWorkspace> workspace_;
  std::vector<int64_t> ids_;
  std::vector<double> class_weight_;
  std::vector<double> sample_weight_;
  std::vector<double> gradient_scale_;
  std::vector<double> hessian_scale_;
  std::vector<double> true_probability_;
  std::vector<double> true_gradient_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_CLASS_ID_ROW_BLOCK_H_
