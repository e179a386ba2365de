#ifndef LOSSD_SERVER_LOSS_BLOCKS_ELEMENT_FACTORS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_ELEMENT_FACTORS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "server/kernels/elements.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/blocks/sample_labels.h"
#include "server/loss/blocks/thread_scratch.h"
#include "server/loss/wide.h"

namespace lossd::loss {

// The factors of a sigmoid's elements: weights of classes and samples, and scales.
template <typename T>
class ElementFactorColumns {
 public:
  static constexpr int64_t kMostElements = 512;  // of a call of Give

  ElementFactorColumns(const BatchPlan& plan, const RowWindow<T>& window)
      : plan_(plan),
        wants_hessian_(!window.outputs[Output::kHessianDiagonal].empty()),
        uniform_(FindUniformFactors(plan)) {
    if (uniform_) return;
    if (plan.scales.alike()) FillScales(plan.scales[0]);
    if (!plan.terms.empty() && plan.batch.classes <= kMostElements) FillPattern();
  }

  // Gives `elements`, which begin with the batch's element `begin` and have their labels, their
  // factors.
  void Give(int64_t begin, kernels::Elements<T>& elements) {
    const bool weighs_by_target =
        elements.targets != nullptr && plan_.kernels.weighs_whole && !plan_.terms.empty();
    is_uniform_ = uniform_ && !weighs_by_target;
    if (is_uniform_) {
      elements.factors = *uniform_;
      return;
    }
    if (uniform_) FillScales(plan_.scales[0]);
    const int64_t size = elements.count;
    one_weight_ = weighs_by_target || plan_.terms.empty();
    if (weighs_by_target) {
      FillWholeWeights(begin, size);
    } else if (plan_.terms.empty()) {
      std::fill(positive_, positive_ + size, T(1));
    } else {
      FillClassWeights(begin, size);
    }
    if (plan_.scales.wide()) {
      FillWideScales(begin, size);
    } else if (!plan_.scales.alike()) {
      plan_.scales.Copy(begin, size, sample_weight_, gradient_scale_,
                        wants_hessian_ ? hessian_scale_ : nullptr);
    }
    ClearIgnored(begin, size);
    elements.positive_weight = positive_;
    elements.negative_weight = one_weight_ ? positive_ : negative_;
    elements.sample_weight = sample_weight_;
    elements.gradient_scale = gradient_scale_;
    elements.hessian_scale = hessian_scale_;
  }

  // Returns the class weight times the sample weight of element i of those that were given factors
  // last, whose label is hard.
  double LossWeight(int64_t i, bool positive) const {
    if (is_uniform_) {
      return static_cast<double>(positive ? uniform_->positive_weight : uniform_->negative_weight);
    }
    const T weight = positive || one_weight_ ? positive_[i] : negative_[i];
    return static_cast<double>(weight) * static_cast<double>(sample_weight_[i]);
  }

  // Returns true when the products of the kernel's type do for an element of this target, as they
  // do wherever scales are not wide.
  bool AreOrdinary(int64_t element, double target) const {
    if (!plan_.scales.wide()) return true;
    const int64_t row = element / plan_.batch.classes;
    const int64_t k = element % plan_.batch.classes;
    if (plan_.labels.ignored(row, k)) return true;
    const ClassTerms& terms = plan_.terms;
    if (target == 1) return IsOrdinary(element, terms.positive(k));
    if (target == 0) return IsOrdinary(element, terms.negative(k));
    return IsOrdinary(element, terms.positive(k)) && IsOrdinary(element, terms.negative(k)) &&
           IsOrdinary(element, terms.whole(k, target));
  }

 private:
  struct FactorColumns {};

  bool IsOrdinary(int64_t element, double weight) const {
    const OrdinaryRange range = OrdinaryRangeOf(sizeof(T));
    if (!range.HasOrZero(weight)) return false;
    for (const double of_class : {1.0, weight}) {
      const SampleScale scale = plan_.scales.WithClass(element, of_class);
      for (const double factor : {scale.loss, scale.gradient, scale.hessian}) {
        if (!range.HasOrZero(factor)) return false;
      }
    }
    return true;
  }

  // Returns the factors of all elements when these differ in nothing but their logits and labels.
  static std::optional<kernels::ElementFactors<T>> FindUniformFactors(const BatchPlan& plan) {
    if (!plan.labels.ignores_none() || !plan.scales.alike() || !plan.terms.alike()) {
      return std::nullopt;
    }
    const SampleScale scale = plan.scales[0];
    return kernels::ElementFactors<T>{
        static_cast<T>(plan.terms.positive(0)), static_cast<T>(plan.terms.negative(0)),
        static_cast<T>(scale.loss), static_cast<T>(scale.gradient), static_cast<T>(scale.hessian)};
  }

  void FillScales(const SampleScale& scale) {
    std::fill(sample_weight_, sample_weight_ + kMostElements, static_cast<T>(scale.loss));
    std::fill(gradient_scale_, gradient_scale_ + kMostElements, static_cast<T>(scale.gradient));
    std::fill(hessian_scale_, hessian_scale_ + kMostElements, static_cast<T>(scale.hessian));
  }

  // Writes the class weights of elements 0, 1, ... until every column has been the first of so many
  // elements as are given factors at a time.
  void FillPattern() {
    for (int64_t i = 0; i < 2 * kMostElements; ++i) {
      const int64_t k = i % plan_.batch.classes;
      pattern_[i] = static_cast<T>(plan_.terms.positive(k));
      pattern_[2 * kMostElements + i] = static_cast<T>(plan_.terms.negative(k));
    }
  }

  void FillClassWeights(int64_t begin, int64_t size) {
    const int64_t classes = plan_.batch.classes;
    if (classes <= kMostElements) {
      const T* const first = pattern_ + begin % classes;
      std::copy(first, first + size, positive_);
      std::copy(first + 2 * kMostElements, first + 2 * kMostElements + size, negative_);
      return;
    }
    ForEachElement(begin, size, classes, [&](int64_t i, int64_t, int64_t k) {
      positive_[i] = static_cast<T>(plan_.terms.positive(k));
      negative_[i] = static_cast<T>(plan_.terms.negative(k));
    });
  }

  // Writes the weights of soft targets, by the targets before smoothing.
  void FillWholeWeights(int64_t begin, int64_t size) {
    double targets[kMostElements];
    plan_.labels.CopyElements(begin, size, targets);
    ForEachElement(begin, size, plan_.batch.classes, [&](int64_t i, int64_t, int64_t k) {
      positive_[i] = static_cast<T>(plan_.terms.whole(k, targets[i]));
    });
  }

  // Writes scales for the elements whose factors are ordinary.
  void FillWideScales(int64_t begin, int64_t size) {
    ForEachElement(begin, size, plan_.batch.classes, [&](int64_t i, int64_t row, int64_t k) {
      const bool used = !plan_.labels.ignored(row, k);
      const SampleScale scale = used ? plan_.scales.WithClass(begin + i, 1) : SampleScale();
      sample_weight_[i] = static_cast<T>(scale.loss);
      gradient_scale_[i] = static_cast<T>(scale.gradient);
      hessian_scale_[i] = static_cast<T>(scale.hessian);
    });
  }

  // Makes the factors of ignored elements 0, whose upstream gradient may be anything.
  void ClearIgnored(int64_t begin, int64_t size) {
    // A sample that is ignored for its weight has factors of 0, unless its upstream gradient is
    // NaN.
    const bool by_weight = !plan_.labels.ignores_by_label() && !plan_.scales.has_upstream() &&
                           std::holds_alternative<std::monostate>(plan_.spec.mining);
    if (plan_.labels.ignores_none() || (by_weight && !plan_.scales.wide())) return;
    plan_.labels.ClearUnused(begin, size, positive_);
    if (!one_weight_) plan_.labels.ClearUnused(begin, size, negative_);
    if (!plan_.scales.has_upstream()) return;
    for (T* const column : {sample_weight_, gradient_scale_, hessian_scale_}) {
      plan_.labels.ClearUnused(begin, size, column);
    }
  }

  const BatchPlan& plan_;
  bool wants_hessian_;
  std::optional<kernels::ElementFactors<T>> uniform_;
  bool is_uniform_ = false;
  bool one_weight_ = false;  // the negative weights are the positive ones
  ThreadScratch<T, FactorColumns> memory_{9 * kMostElements};
  T* const positive_ = memory_.span().data();
  T* const negative_ = positive_ + kMostElements;
  T* const sample_weight_ = negative_ + kMostElements;
  T* const gradient_scale_ = sample_weight_ + kMostElements;
  T* const hessian_scale_ = gradient_scale_ + kMostElements;
  T* const pattern_ = hessian_scale_ + kMostElements;  // positive, then negative weights
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_ELEMENT_FACTORS_H_
