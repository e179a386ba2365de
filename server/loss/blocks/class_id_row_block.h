#ifndef LOSSD_SERVER_LOSS_BLOCKS_CLASS_ID_ROW_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_CLASS_ID_ROW_BLOCK_H_

#include <algorithm>
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

// Softmax rows with one true class: straight from the request's logits to the outputs.
template <typename T>
class ClassIdRowBlock {
 public:
  using Kernel = void (*)(const kernels::ClassIdRows<T>&, const FormParameters&);
  using ShapedKernel = void (*)(const kernels::ClassIdRows<T>&, const kernels::RowShape<T>&,
                                const FormParameters&);

  ClassIdRowBlock(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end)
      : plan_(plan),
        window_(window),
        begin_(begin),
        size_(end - begin),
        strided_(window.layout == MatrixLayout::kStrided),
        alike_(plan.scales.alike() && plan.labels.CountIgnoredIds(begin, end) == 0),
        uniform_(alike_ && plan.terms.weights().empty()),
        workspace_(static_cast<size_t>(
            kernels::ShapedWorkspaceSize(plan.batch.classes, plan.transform.softcap()))) {}

  // Computes rows without options.
  void Compute(Kernel kernel) {
    kernels::ClassIdRows<T> rows = MakeInputs();
    BindOutputs(rows);
    kernel(rows, plan_.spec.parameters);
    if (window_.records.wanted()) Record(rows);
  }

  // Computes rows with those of plan.shaping.
  void ComputeShaped(ShapedKernel kernel) {
    kernels::ClassIdRows<T> rows = MakeInputs();
    if (!alike_) SetApart(rows);
    BindOutputs(rows);
    if (window_.records.wanted()) {
      gradient_l1_.resize(static_cast<size_t>(size_));
      rows.gradient_l1 = gradient_l1_.data();
    }
    kernel(rows, plan_.shaping.template Of<T>(), plan_.spec.parameters);
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
    if (alike_) {
      const SampleScale scale = plan_.scales[begin_];
      rows.class_ids = plan_.labels.class_ids().data() + begin_;
      rows.factors = {1, scale.loss, scale.gradient, scale.hessian};
      if (!uniform_) FillClassWeights(rows);
    } else {
      FillColumns(rows);
    }
    return rows;
  }

  void FillClassWeights(kernels::ClassIdRows<T>& rows) {
    class_weight_.resize(static_cast<size_t>(size_));
    const double* const weights = plan_.terms.weights().data();
    for (int64_t i = 0; i < size_; ++i) {
      class_weight_[static_cast<size_t>(i)] = weights[rows.class_ids[i]];
    }
    rows.class_weight = class_weight_.data();
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

  // Takes the weights of classes out of those of samples, for not all terms of shaped rows have
  // them. Rows that are ignored then weigh nothing as samples.
  void SetApart(kernels::ClassIdRows<T>& rows) {
    for (size_t i = 0; i < static_cast<size_t>(size_); ++i) {
      const int64_t row = begin_ + static_cast<int64_t>(i);
      const bool used = plan_.labels.used(row, 0) != 0;
      const SampleScale scale = !used                 ? SampleScale()
                                : plan_.scales.wide() ? plan_.scales.WithClass(row, 1)
                                                      : plan_.scales[row];
      class_weight_[i] = used ? plan_.terms.weight(ids_[i]) : 0;
      sample_weight_[i] = scale.loss;
      gradient_scale_[i] = scale.gradient;
      hessian_scale_[i] = scale.hessian;
    }
    rows.class_weight = class_weight_.data();
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
    rows.piece_offset = begin_ * plan_.batch.classes * kernels::BytesOf<T>(window_.format);
    rows.format = window_.format;
    rows.gradient = MatrixAt(window_.outputs[Output::kGradient]);
    rows.half_gradient = window_.outputs.half_gradient;
    if (rows.half_gradient.numbers != nullptr) {
      rows.half_gradient.numbers += begin_ * plan_.batch.classes;
    }
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
    // One weight for all of them is no part of what is recorded.
    if (uniform_ && rows.gradient_l1 == nullptr) return RecordUniform(rows);
    for (int64_t i = 0; i < size_; ++i) {
      const auto row = static_cast<size_t>(begin_ + i);
      const double p = rows.true_probability[i];
      const double g = rows.true_gradient[i];
      window_.records.true_probability[row] = p;
      window_.records.gradient_l1[row] = GradientL1(rows, i, g);
      window_.records.vanishing[row] = Vanishes(p, g) ? 1 : 0;
    }
  }

  void RecordUniform(const kernels::ClassIdRows<T>& rows) {
    SampleRecords& records = window_.records;
    double* const l1 = records.gradient_l1.data() + begin_;
    uint8_t* const vanishing = records.vanishing.data() + begin_;
    std::copy(rows.true_probability, rows.true_probability + size_,
              records.true_probability.data() + begin_);
    for (int64_t i = 0; i < size_; ++i) l1[i] = 2 * std::abs(rows.true_gradient[i]);
    for (int64_t i = 0; i < size_; ++i) {
      vanishing[i] = Vanishes(rows.true_probability[i], rows.true_gradient[i]) ? 1 : 0;
    }
  }

  double GradientL1(const kernels::ClassIdRows<T>& rows, int64_t i, double true_gradient) const {
    // Unless samples have weights, theirs is 1.
    double weight = rows.sample_weight == nullptr ? 1 : rows.sample_weight[i];
    if (rows.gradient_l1 != nullptr) {
      return weight == 0 || rows.gradient_l1[i] == 0 ? 0 : weight * rows.gradient_l1[i];
    }
    if (!uniform_) weight *= rows.class_weight[i];
    // The |g_j| of the other classes add up to the true class's.
    return weight == 0 ? 0 : 2 * weight * std::abs(true_gradient);
  }

  const BatchPlan& plan_;
  const RowWindow<T>& window_;
  int64_t begin_;
  int64_t size_;
  bool strided_;
  bool alike_;    // rows differ in nothing but their logits, their class and its weight
  bool uniform_;  // nor in that weight
  ThreadScratch<T, ClassIdRowWorkspace> workspace_;
  std::vector<int64_t> ids_;
  std::vector<double> class_weight_;
  std::vector<double> sample_weight_;
  std::vector<double> gradient_scale_;
  std::vector<double> hessian_scale_;
  std::vector<double> true_probability_;
  std::vector<double> true_gradient_;
  std::vector<double> gradient_l1_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_CLASS_ID_ROW_BLOCK_H_
