#ifndef LOSSD_SERVER_LOSS_BLOCKS_DENSE_ROW_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_DENSE_ROW_BLOCK_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <variant>

#include "server/kernels/dense_row.h"
#include "server/kernels/hessian.h"
#include "server/kernels/workspace.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/dense_row_arrays.h"
#include "server/loss/blocks/row_targets.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/blocks/teacher_row.h"
#include "server/loss/wide.h"

namespace lossd::loss {

// Softmax rows with a target per class, one at a time in double. The window may have no losses.
template <typename T>
class DenseRowBlock {
 public:
  using Kernel = void (*)(kernels::DenseRow&, const FormParameters&);

  DenseRowBlock(const BatchPlan& plan, const RowWindow<T>& window)
      : plan_(plan),
        window_(window),
        classes_(plan.batch.classes),
        arrays_(kernels::PaddedSize(classes_)),
        target_scale_(plan.spec.target_scale()) {
    if (plan.labels.has_teacher()) {
      teacher_.emplace(std::get<Targets>(plan.batch.labels), classes_);
    }
    row_.class_count = classes_;
    row_.logits = arrays_.logits;
    row_.weighted_targets = arrays_.weighted_targets;
    row_.targets = arrays_.targets;
    row_.probabilities = arrays_.probabilities;
    row_.one_minus_probabilities = arrays_.one_minus_probabilities;
    row_.gradient = arrays_.gradient;
    row_.hessian = window.outputs[Output::kHessianDiagonal].empty() ? nullptr : arrays_.hessian;
    row_.workspace = arrays_.workspace;
    row_.curvature = plan.curvature;
  }

  void Compute(int64_t index, Kernel kernel) {
    if (plan_.labels.ignored(index, 0)) return WriteIgnored(index);
    LoadTargets(index);
    LoadLogits(index);
    if (!plan_.transform.identity()) TransformLogits(index);
    WeighByClass();
    Evaluate(kernel);
    // Only a transform makes infinite logits of finite ones.
    if (!plan_.transform.identity() && !std::isfinite(row_.log_sum_exp)) {
      EvaluateBelowLargest(index, kernel);
    }
    const SampleScale scale =
        plan_.scales.wide() ? plan_.scales.WithClass(index, weight_unit_) : plan_.scales[index];
    Write(index, scale);
    if (window_.records.wanted()) Record(index, scale, kernel);
  }

 private:
  void LoadLogits(int64_t index) {
    offset_ = 0;
    const T* const in = window_.RowAt(window_.logits, index);
    for (int64_t k = 0; k < classes_; ++k) arrays_.logits[k] = static_cast<double>(in[k]);
    std::fill(arrays_.logits + classes_, arrays_.logits + arrays_.size,
              -std::numeric_limits<double>::infinity());
  }

  int64_t ClassIdOf(int64_t index) const {
    return plan_.labels.has_class_ids() ? plan_.labels.class_id(index) : -1;
  }

  void TransformLogits(int64_t index) {
    const auto size = static_cast<size_t>(classes_);
    plan_.transform.Apply(ClassIdOf(index), {arrays_.logits, size},
                          {arrays_.first_derivatives, size}, {arrays_.second_derivatives, size});
  }

  // Evaluates the row anew by logits that are taken from their largest before they are rounded.
  void EvaluateBelowLargest(int64_t index, Kernel kernel) {
    LoadLogits(index);
    const absl::Span<double> logits = {arrays_.logits, static_cast<size_t>(classes_)};
    const auto largest = plan_.transform.ApplyBelowLargest(ClassIdOf(index), logits);
    if (!largest) return TransformLogits(index);
    offset_ = static_cast<double>(*largest);
    Evaluate(kernel);
  }

  // Writes t, then y = (1 - ε) t + (ε / C) Σ t.
  void LoadTargets(int64_t index) {
    double* const t = arrays_.true_targets;
    double* const y = arrays_.targets;
    const double smoothing = plan_.spec.label_smoothing;
    if (teacher_) {
      teacher_->Load(index);
      std::copy(teacher_->targets(), teacher_->targets() + classes_, t);
      row_.log_targets = smoothing == 0 ? teacher_->log_targets() : nullptr;
    } else {
      plan_.labels.CopyRow(index, t);
    }
    targets_.Find(plan_.labels, index);
    const double spread = targets_.Spread(smoothing / static_cast<double>(classes_));
    for (int64_t k = 0; k < classes_; ++k) y[k] = (1 - smoothing) * t[k] + spread;
  }

  void WeighByClass() {
    const bool wide = plan_.scales.wide();
    if (plan_.terms.weights().empty() && (!wide || target_scale_ == 1)) {
      WeighEqually();
      return;
    }
    if (wide) return WeighByScaledClass();
    const auto weight = [&](int64_t k) { return plan_.terms.weight(k); };
    double weighted_sum = 0;
    for (int64_t k = 0; k < classes_; ++k) {
      const double v = weight(k);
      arrays_.weighted_targets[k] = v * arrays_.targets[k];
      weighted_sum += v * arrays_.true_targets[k];
    }
    row_.whole_weight = targets_.Mean(weighted_sum, weight);
    ScaleWeights();
  }

  // Takes the size of the largest of the row's weights out of them, a power of two.
  void WeighByScaledClass() {
    const auto weight = [&](int64_t k) { return plan_.terms.weight(k); };
    const Wide mean = targets_.ExactMean(weight) * target_scale_;
    const bool whole = plan_.kernels.weighs_whole;
    Wide largest = std::max(whole ? mean : 0, Wide{plan_.spec.z_loss});
    for (int64_t k = 0; !whole && k < classes_; ++k) {
      largest = std::max(largest, WideProduct({weight(k), arrays_.targets[k], target_scale_}));
    }
    const int exponent = largest == 0 ? 0 : std::ilogb(largest);
    weight_unit_ = std::scalbn(Wide{1}, exponent);
    for (int64_t k = 0; k < classes_; ++k) {
      arrays_.weighted_targets[k] =
          Scaled(WideProduct({weight(k), arrays_.targets[k], target_scale_}), -exponent);
    }
    row_.whole_weight = Scaled(mean, -exponent);
  }

  void WeighEqually() {
    weight_unit_ = 1;
    std::copy(arrays_.targets, arrays_.targets + classes_, arrays_.weighted_targets);
    row_.whole_weight = targets_.sum() == 0 ? 0 : 1;
    ScaleWeights();
  }

  void ScaleWeights() {
    if (target_scale_ == 1) return;
    const auto scale = static_cast<double>(target_scale_);
    for (int64_t k = 0; k < classes_; ++k) arrays_.weighted_targets[k] *= scale;
    row_.whole_weight *= scale;
  }

  void Evaluate(Kernel kernel) {
    kernel(row_, plan_.spec.parameters);
    if (offset_ != 0) row_.log_sum_exp += offset_;
    if (plan_.spec.z_loss != 0) AddZLoss();
    if (!plan_.transform.identity()) ChainToRequest();
  }

  // Adds λ logsumexp², whose gradient is 2 λ logsumexp p. Chowdhery et al. 2022, arXiv:2204.02311.
  void AddZLoss() {
    const auto lambda = static_cast<double>(plan_.spec.z_loss / weight_unit_);
    const double slope = 2 * lambda * row_.log_sum_exp;
    row_.loss += lambda * row_.log_sum_exp * row_.log_sum_exp;
    for (int64_t k = 0; k < classes_; ++k) {
      const double p = row_.probabilities[k];
      row_.gradient[k] += slope * p;
      if (row_.hessian == nullptr) continue;
      row_.hessian[k] += 2 * lambda * p * p + slope * p * row_.one_minus_probabilities[k];
    }
  }

  void ChainToRequest() {
    for (int64_t k = 0; k < classes_; ++k) {
      const double first = arrays_.first_derivatives[k];
      if (row_.hessian != nullptr) {
        row_.hessian[k] =
            row_.hessian[k] * first * first + row_.gradient[k] * arrays_.second_derivatives[k];
      }
      row_.gradient[k] *= first;
    }
  }

  T* MatrixAt(Output output, int64_t index) const {
    return window_.RowAt(window_.outputs[output], index);
  }

  // Writes the outputs of an ignored row, of which nothing is read.
  void WriteIgnored(int64_t index) const {
    if (T* const out = window_.SampleAt(Output::kLosses, index)) *out = T(0);
    if (T* const out = window_.SampleAt(Output::kLogSumExp, index)) *out = T(0);
    const bool positive = plan_.curvature == kernels::Curvature::kPositive;
    for (const Output output : {Output::kGradient, Output::kProbabilities}) {
      if (T* const out = MatrixAt(output, index)) std::fill(out, out + classes_, T(0));
    }
    if (T* const out = MatrixAt(Output::kHessianDiagonal, index)) {
      std::fill(out, out + classes_, positive ? T(kHessianFloor) : T(0));
    }
  }

  void Write(int64_t index, const SampleScale& scale) {
    if (T* const out = window_.SampleAt(Output::kLosses, index)) {
      *out = scale.loss == 0 || row_.loss == 0 ? T(0) : static_cast<T>(scale.loss * row_.loss);
    }
    if (T* const out = MatrixAt(Output::kGradient, index)) {
      WriteScaled(row_.gradient, scale.gradient, out);
    }
    if (T* const out = MatrixAt(Output::kHessianDiagonal, index)) WriteHessian(scale.hessian, out);
    if (T* const out = MatrixAt(Output::kProbabilities, index)) {
      WriteScaled(row_.probabilities, 1, out);
    }
    if (T* const out = window_.SampleAt(Output::kLogSumExp, index)) {
      *out = static_cast<T>(row_.log_sum_exp);
    }
  }

  void WriteScaled(const double* in, double scale, T* out) const {
    if (scale == 0) {
      std::fill(out, out + classes_, T(0));
      return;
    }
    for (int64_t k = 0; k < classes_; ++k) out[k] = static_cast<T>(in[k] * scale);
    if (std::isfinite(scale)) return;
    // A factor beyond double's range leaves a 0 alone.
    for (int64_t k = 0; k < classes_; ++k) out[k] = in[k] == 0 ? T(0) : out[k];
  }

  void WriteHessian(double scale, T* out) const {
    const bool positive = plan_.curvature == kernels::Curvature::kPositive;
    for (int64_t k = 0; positive && k < classes_; ++k) row_.hessian[k] = std::abs(row_.hessian[k]);
    WriteScaled(row_.hessian, scale, out);
    for (int64_t k = 0; positive && k < classes_; ++k) out[k] = std::max(out[k], T(kHessianFloor));
  }

  double TrueProbability() const {
    double sum = 0;
    const double* const t = arrays_.true_targets;
    for (int64_t k = 0; k < classes_; ++k) sum += t[k] == 0 ? 0 : t[k] * row_.probabilities[k];
    return targets_.Mean(sum, [&](int64_t k) { return row_.probabilities[k]; });
  }

  void Record(int64_t index, const SampleScale& scale, Kernel kernel) {
    const auto row = static_cast<size_t>(index);
    double l1 = 0;
    for (int64_t k = 0; k < classes_; ++k) l1 += std::abs(row_.gradient[k]);
    const double p = TrueProbability();
    window_.records.true_probability[row] = p;
    window_.records.gradient_l1[row] = scale.loss == 0 || l1 == 0 ? 0 : scale.loss * l1;
    window_.records.vanishing[row] = 0;
    if (!plan_.options.vanishing || !(p < kConfidentlyWrong)) return;
    if (!plan_.terms.empty() || (plan_.scales.wide() && target_scale_ != 1)) {
      WeighEqually();
      Evaluate(kernel);
    }
    const double g = plan_.transform.DerivativeOf(row_.gradient[targets_.true_class()]);
    window_.records.vanishing[row] = Vanishes(p, g) ? 1 : 0;
  }

  const BatchPlan& plan_;
  const RowWindow<T>& window_;
  int64_t classes_;
  DenseRowArrays arrays_;
  RowTargets targets_{arrays_.true_targets, classes_};
  kernels::DenseRow row_;
  std::optional<TeacherRow> teacher_;
  const Wide target_scale_;
  Wide weight_unit_ = 1;  // weights are this many times what they are in the row
  double offset_ = 0;     // the logits' own are so much larger
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_DENSE_ROW_BLOCK_H_
