#ifndef LOSSD_SERVER_LOSS_BLOCKS_BINARY_ELEMENT_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_BINARY_ELEMENT_BLOCK_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "server/kernels/binary_elements.h"
#include "server/kernels/dispatch.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/cut_memory.h"
#include "server/loss/blocks/row_window.h"

namespace lossd::loss {

// Sigmoid elements labelled 0 or 1, without smoothing.
template <typename T>
class BinaryElementBlock {
 public:
  using Kernel = void (*)(const kernels::BinaryElements<T>&, const FormParameters&);

  // Elements are computed this many at a time, so that the columns beside them stay in the L1
  // cache.
  static constexpr int64_t kMostElements = 512;

  BinaryElementBlock(const BatchPlan& plan, const RowWindow<T>& window)
      : plan_(plan), window_(window), uniform_(FindUniformFactors(plan)) {
    std::fill(columns_.sign, columns_.sign + kMostElements, T(-1));
  }

  void Compute(int64_t begin, int64_t size, Kernel kernel) {
    SignLabels(begin, size);
    ComputeSigned(begin, size, kernel);
    ClearSigns(begin, size);
  }

  // Does what Compute does for the elements of which HasOrdinaryFactors() is true, and leaves the
  // others alone.
  void ComputeOrdinaryOnes(int64_t begin, int64_t size, Kernel kernel) {
    SignLabels(begin, size);
    ComputeHardOnes(begin, size, kernel);
    ClearSigns(begin, size);
  }

  // Returns true when the products of the kernel's type do for an element of this target, as they
  // do wherever scales are not wide.
  bool HasOrdinaryFactors(int64_t element, double target) const {
    if (!plan_.scales.wide()) return true;
    const int64_t row = element / plan_.batch.classes;
    const int64_t k = element % plan_.batch.classes;
    if (plan_.labels.ignored(row, k)) return true;
    const double weight = target == 1 ? plan_.terms.positive(k) : plan_.terms.negative(k);
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

  // Returns how many of the elements have targets that are exactly 0 or 1, and, when none has any
  // other and scales are not wide, computes them. The labels must be targets.
  int64_t ComputeIfHard(int64_t begin, int64_t size, Kernel kernel) {
    const int64_t hard = plan_.labels.VisitTargets(
        [&](auto targets) { return SignTargets(targets.data() + begin, size); });
    if (hard == size && !plan_.scales.wide()) ComputeSigned(begin, size, kernel);
    return hard;
  }

  // Computes the elements whose targets are 0 or 1 and whose factors are ordinary, and leaves the
  // others alone. ComputeIfHard must have been called for the same elements.
  void ComputeHardOnes(int64_t begin, int64_t size, Kernel kernel) {
    constexpr Output kWritten[] = {Output::kLosses, Output::kGradient, Output::kHessianDiagonal,
                                   Output::kProbabilities};
    kernels::BinaryElements<T> elements = MakeInputs(begin, size);
    T** const results[] = {&elements.losses, &elements.gradient, &elements.hessian,
                           &elements.probabilities};
    CutMemory<T> memory(4 * kMostElements);
    T* outputs[4];
    for (size_t n = 0; n < 4; ++n) {
      outputs[n] = OutputAt(kWritten[n], begin);
      *results[n] = outputs[n] == nullptr ? nullptr : memory.Cut(kMostElements);
    }
    kernel(elements, plan_.spec.parameters);
    for (int64_t i = 0; i < size; ++i) {
      const int64_t element = begin + i;
      const double t =
          plan_.labels.target(element / plan_.batch.classes, element % plan_.batch.classes);
      if ((t != 0 && t != 1) || !HasOrdinaryFactors(element, t)) continue;
      for (size_t n = 0; n < 4; ++n) {
        if (outputs[n] != nullptr) outputs[n][i] = (*results[n])[i];
      }
      if (window_.records.wanted()) Record(begin, i);
    }
  }

 private:
  void SignLabels(int64_t begin, int64_t size) {
    if (plan_.labels.has_class_ids()) return SignClasses(begin, size, T(1));
    kernels::CurrentSigns<T>().of_labels(plan_.labels.binary().data() + begin, size, columns_.sign);
  }

  // Makes the signs of the elements that class ids name those of the others again.
  void ClearSigns(int64_t begin, int64_t size) {
    if (plan_.labels.has_class_ids()) SignClasses(begin, size, T(-1));
  }

  struct Columns {
    CutMemory<T> memory = CutMemory<T>(7 * kMostElements);
    T* const sign = memory.Cut(kMostElements);
    T* const weight = memory.Cut(kMostElements);
    T* const sample_weight = memory.Cut(kMostElements);
    T* const gradient_scale = memory.Cut(kMostElements);
    T* const hessian_scale = memory.Cut(kMostElements);
    T* const true_probability = memory.Cut(kMostElements);
    T* const true_gradient = memory.Cut(kMostElements);
  };

  // Computes elements whose signs are there.
  void ComputeSigned(int64_t begin, int64_t size, Kernel kernel) {
    kernels::BinaryElements<T> elements = MakeInputs(begin, size);
    elements.losses = OutputAt(Output::kLosses, begin);
    elements.gradient = OutputAt(Output::kGradient, begin);
    elements.hessian = OutputAt(Output::kHessianDiagonal, begin);
    elements.probabilities = OutputAt(Output::kProbabilities, begin);
    kernel(elements, plan_.spec.parameters);
    if (!window_.records.wanted()) return;
    for (int64_t i = 0; i < size; ++i) Record(begin, i);
  }

  // Returns where an output has `element`; null when it is not wanted.
  T* OutputAt(Output output, int64_t element) const {
    if (output == Output::kLosses) return window_.SampleAt(output, element);
    return window_.ElementAt(window_.outputs[output], element);
  }

  kernels::BinaryElements<T> MakeInputs(int64_t begin, int64_t size) {
    kernels::BinaryElements<T> elements;
    elements.logits = window_.ElementAt(window_.logits, begin);
    elements.count = size;
    elements.sign = columns_.sign;
    elements.curvature = plan_.curvature;
    elements.stores = window_.stores;
    if (uniform_) {
      elements.factors = *uniform_;
    } else {
      FillColumns(begin, size);
      elements.weight = columns_.weight;
      elements.sample_weight = columns_.sample_weight;
      elements.gradient_scale = columns_.gradient_scale;
      elements.hessian_scale = columns_.hessian_scale;
    }
    if (window_.records.wanted()) {
      elements.true_probability = columns_.true_probability;
      elements.true_gradient = columns_.true_gradient;
    }
    return elements;
  }

  // Returns the factors of all elements when these differ in nothing but their logits and labels.
  static std::optional<kernels::ElementFactors<T>> FindUniformFactors(const BatchPlan& plan) {
    if (!plan.labels.ignores_none() || !plan.scales.alike()) return std::nullopt;
    for (int64_t k = 1; k < plan.batch.classes; ++k) {
      if (plan.terms.positive(k) != plan.terms.positive(0) ||
          plan.terms.negative(k) != plan.terms.negative(0)) {
        return std::nullopt;
      }
    }
    const SampleScale scale = plan.scales[0];
    return kernels::ElementFactors<T>{
        static_cast<T>(plan.terms.positive(0)), static_cast<T>(plan.terms.negative(0)),
        static_cast<T>(scale.loss), static_cast<T>(scale.gradient), static_cast<T>(scale.hessian)};
  }

  // Gives `sign` to the elements that class ids name. Those of the others are -1 from the start:
  // they are most.
  void SignClasses(int64_t begin, int64_t size, T sign) {
    plan_.labels.ForEachOfClass(begin, size, [&](int64_t i) { columns_.sign[i] = sign; });
  }

  // Return how many targets are exactly 0 or 1; the signs of the others say nothing.
  int64_t SignTargets(const float* targets, int64_t size) {
    return kernels::CurrentSigns<T>().of_f32(targets, size, columns_.sign);
  }
  int64_t SignTargets(const double* targets, int64_t size) {
    return kernels::CurrentSigns<T>().of_f64(targets, size, columns_.sign);
  }

  // Writes the factors of each element: a loss factor of 0 for ignored ones, whose upstream
  // gradient may be anything. Each loop is one that a compiler turns into registers.
  void FillColumns(int64_t begin, int64_t size) {
    if (plan_.scales.wide()) return FillWideColumns(begin, size);
    if (plan_.terms.empty()) {
      std::fill(columns_.weight, columns_.weight + size, T(1));
    } else {
      ForEachElement(begin, size, plan_.batch.classes, [&](int64_t i, int64_t, int64_t k) {
        const bool positive = columns_.sign[i] > 0;
        columns_.weight[i] =
            static_cast<T>(positive ? plan_.terms.positive(k) : plan_.terms.negative(k));
      });
    }
    plan_.scales.Copy(begin, size, columns_.sample_weight, columns_.gradient_scale,
                      columns_.hessian_scale);
    // A sample that is ignored for its weight has factors of 0, unless its upstream gradient is
    // NaN.
    const bool by_weight = !plan_.labels.ignores_by_label() && !plan_.scales.has_upstream() &&
                           std::holds_alternative<std::monostate>(plan_.spec.mining);
    if (!plan_.labels.ignores_none() && !by_weight) ClearIgnored(begin, size);
  }

  void ClearIgnored(int64_t begin, int64_t size) {
    plan_.labels.ClearUnused(begin, size, columns_.weight);
    if (!plan_.scales.has_upstream()) return;
    for (T* const column :
         {columns_.sample_weight, columns_.gradient_scale, columns_.hessian_scale}) {
      plan_.labels.ClearUnused(begin, size, column);
    }
  }

  // Writes the same where scales are wide, for the elements whose factors are ordinary.
  void FillWideColumns(int64_t begin, int64_t size) {
    ForEachElement(begin, size, plan_.batch.classes, [&](int64_t i, int64_t row, int64_t k) {
      const bool positive = columns_.sign[i] > 0;
      const double weight = positive ? plan_.terms.positive(k) : plan_.terms.negative(k);
      const bool used = !plan_.labels.ignored(row, k);
      const SampleScale scale = used ? plan_.scales.WithClass(begin + i, 1) : SampleScale();
      columns_.weight[i] = used ? static_cast<T>(weight) : T(0);
      columns_.sample_weight[i] = static_cast<T>(scale.loss);
      columns_.gradient_scale[i] = static_cast<T>(scale.gradient);
      columns_.hessian_scale[i] = static_cast<T>(scale.hessian);
    });
  }

  // Records element i of those from `begin` on.
  void Record(int64_t begin, int64_t i) {
    const auto sample = static_cast<size_t>(begin + i);
    const auto p = static_cast<double>(columns_.true_probability[i]);
    const auto g = static_cast<double>(columns_.true_gradient[i]);
    const double weight = LossWeight(i);
    window_.records.true_probability[sample] = p;
    window_.records.gradient_l1[sample] = weight == 0 ? 0 : weight * std::abs(g);
    window_.records.vanishing[sample] = Vanishes(p, g) ? 1 : 0;
  }

  // Returns element i's weight times its sample weight; the gradient of a weight of 0 is 0.
  double LossWeight(int64_t i) const {
    if (!uniform_) {
      return static_cast<double>(columns_.weight[i]) *
             static_cast<double>(columns_.sample_weight[i]);
    }
    return static_cast<double>(columns_.sign[i] > 0 ? uniform_->positive_weight
                                                    : uniform_->negative_weight);
  }

  const BatchPlan& plan_;
  const RowWindow<T>& window_;
  std::optional<kernels::ElementFactors<T>> uniform_;
  Columns columns_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_BINARY_ELEMENT_BLOCK_H_
