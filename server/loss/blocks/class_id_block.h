#ifndef LOSSD_SERVER_LOSS_BLOCKS_CLASS_ID_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_CLASS_ID_BLOCK_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/kernels/kernels.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/thread_scratch.h"

namespace lossd::loss {

struct RowWorkspace {};

// Rows with one true class and no smoothing: straight from the request's logits to the outputs.
template <typename T>
class ClassIdBlock {
 public:
  ClassIdBlock(const Run<T>& run, int64_t begin, int64_t end)
      : run_(run),
        begin_(begin),
        size_(end - begin),
        strided_(run.layout == MatrixLayout::kStrided),
        uniform_(run.terms.weights().empty() && run.batch.sample_weights.empty() &&
                 run.batch.upstream_gradient.empty() &&
                 run.labels.CountIgnoredIds(begin, end) == 0),
        workspace_(static_cast<size_t>(kernels::RowWorkspaceSize(run.batch.classes))) {}

  void Compute(void (*kernel)(const kernels::ClassIdRows<T>&, const FormParameters&)) {
    kernels::ClassIdRows<T> rows = Inputs();
    BindOutputs(rows);
    kernel(rows, run_.spec.parameters);
    if (run_.records.wanted()) Record(rows);
  }

 private:
  kernels::ClassIdRows<T> Inputs() {
    kernels::ClassIdRows<T> rows;
    rows.row_count = size_;
    rows.class_count = run_.batch.classes;
    rows.curvature = CurvatureOf(run_.options);
    rows.workspace = workspace_.span().data();
    rows.stores = run_.stores;
    if (uniform_) {
      rows.class_ids = run_.labels.class_ids().data() + begin_;
      rows.factors = {1, 1, run_.derivative_scale * run_.options.gradient_scale,
                      run_.derivative_scale};
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
    for (size_t i = 0; i < size; ++i) {
      const int64_t row = begin_ + static_cast<int64_t>(i);
      const bool ignored = run_.labels.ignored(row, 0);
      const double s = run_.batch.sample_weights[row];
      const double scale = s * run_.batch.upstream_gradient[row] * run_.derivative_scale;
      ids_[i] = ignored ? 0 : run_.labels.class_id(row);
      class_weight_[i] = ignored ? 0 : run_.terms.weight(ids_[i]);
      sample_weight_[i] = s;
      gradient_scale_[i] = scale * run_.options.gradient_scale;
      hessian_scale_[i] = scale;
    }
    rows.class_ids = ids_.data();
    rows.class_weight = class_weight_.data();
    rows.sample_weight = sample_weight_.data();
    rows.gradient_scale = gradient_scale_.data();
    rows.hessian_scale = hessian_scale_.data();
  }

  // Entry (row, 0) of a matrix.
  template <typename U>
  U* MatrixAt(absl::Span<U> matrix) const {
    const int64_t inner = run_.batch.inner;
    if (!strided_) return run_.RowOf(matrix, begin_);
    return At(matrix, begin_ / inner * inner * run_.batch.classes + begin_ % inner);
  }

  void BindMatrices(kernels::ClassIdRows<T>& rows) {
    if (strided_) rows.class_stride = run_.batch.inner;
    rows.logits = MatrixAt(run_.logits);
    rows.pieces = run_.logit_pieces.data();
    rows.piece_count = static_cast<int64_t>(run_.logit_pieces.size());
    rows.piece_offset = begin_ * run_.batch.classes * static_cast<int64_t>(sizeof(T));
    rows.gradient = MatrixAt(run_.outputs[Output::kGradient]);
    rows.hessian = MatrixAt(run_.outputs[Output::kHessianDiagonal]);
    rows.probabilities = MatrixAt(run_.outputs[Output::kProbabilities]);
  }

  void BindOutputs(kernels::ClassIdRows<T>& rows) {
    BindMatrices(rows);
    rows.losses = run_.LossOf(begin_);
    rows.log_sum_exp = At(run_.outputs[Output::kLogSumExp], begin_);
    if (run_.records.wanted()) {
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
      run_.records.true_probability[row] = p;
      // The others' |g_j| add up to the true class's.
      run_.records.gradient_l1[row] = weight == 0 ? 0 : 2 * weight * std::abs(g);
      run_.records.vanishing[row] = Vanishes(p, g) ? 1 : 0;
    }
  }

  const Run<T>& run_;
  int64_t begin_;
  int64_t size_;
  bool strided_;
  bool uniform_;  // rows differ in nothing but their logits and their class
  ThreadScratch<T, RowWorkspace> workspace_;
  std::vector<int64_t> ids_;
  std::vector<double> class_weight_;
  std::vector<double> sample_weight_;
  std::vector<double> gradient_scale_;
  std::vector<double> hessian_scale_;
  std::vector<double> true_probability_;
  std::vector<double> true_gradient_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_CLASS_ID_BLOCK_H_
