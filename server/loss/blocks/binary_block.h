#ifndef LOSSD_SERVER_LOSS_BLOCKS_BINARY_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_BINARY_BLOCK_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/kernels/kernels.h"
#include "server/loss/blocks/batch_plan.h"

namespace lossd::loss {

// Elements are computed this many at a time, so that the columns beside them stay in the L1 cache.
inline constexpr int64_t kElementsAtOnce = 512;

// Elements labelled 0 or 1, without smoothing.
template <typename T>
class BinaryBlock {
 public:
  explicit BinaryBlock(const Run<T>& run)
      : run_(run),
        uniform_(UniformFactors(run)),
        columns_(static_cast<size_t>(7 * kElementsAtOnce)) {
    std::fill(Column(0), Column(1), T(-1));
  }

  void Compute(int64_t begin, int64_t size,
               void (*kernel)(const kernels::BinaryElements<T>&, const FormParameters&)) {
    const bool by_class = run_.labels.has_class_ids();
    if (by_class) {
      SignClasses(begin, size, T(1));
    } else {
      kernels::CurrentSigns<T>().of_labels(run_.labels.binary().data() + begin, size, Column(0));
    }
    ComputeSigned(begin, size, kernel);
    if (by_class) SignClasses(begin, size, T(-1));
  }

  // Where labels are targets of any size: returns how many of them are exactly 0 or 1, and, when
  // none is anything else, computes them.
  int64_t ComputeIfHard(int64_t begin, int64_t size,
                        void (*kernel)(const kernels::BinaryElements<T>&, const FormParameters&)) {
    const int64_t hard = run_.labels.VisitTargets(
        [&](auto targets) { return SignTargets(targets.data() + begin, size); });
    if (hard == size) ComputeSigned(begin, size, kernel);
    return hard;
  }

  // The same for those of the elements whose targets are 0 or 1; the others are left alone.
  void ComputeHardOnes(int64_t begin, int64_t size,
                       void (*kernel)(const kernels::BinaryElements<T>&, const FormParameters&)) {
    kernels::BinaryElements<T> elements = Inputs(begin, size);
    std::vector<T> results(static_cast<size_t>(4 * kElementsAtOnce));
    T* const outputs[] = {run_.LossOf(begin),
                          run_.ElementOf(run_.outputs[Output::kGradient], begin),
                          run_.ElementOf(run_.outputs[Output::kHessianDiagonal], begin),
                          run_.ElementOf(run_.outputs[Output::kProbabilities], begin)};
    T** const columns[] = {&elements.losses, &elements.gradient, &elements.hessian,
                           &elements.probabilities};
    for (size_t n = 0; n < 4; ++n) {
      *columns[n] = outputs[n] == nullptr ? nullptr : results.data() + n * kElementsAtOnce;
    }
    kernel(elements, run_.spec.parameters);
    for (int64_t i = 0; i < size; ++i) {
      const int64_t element = begin + i;
      const double t =
          run_.labels.target(element / run_.batch.classes, element % run_.batch.classes);
      if (t != 0 && t != 1) continue;
      for (size_t n = 0; n < 4; ++n) {
        if (outputs[n] != nullptr) outputs[n][i] = (*columns[n])[i];
      }
      if (run_.records.wanted()) Record(begin, i);
    }
  }

 private:
  T* Column(int64_t index) { return columns_.data() + index * kElementsAtOnce; }

  // Once the signs are there.
  void ComputeSigned(int64_t begin, int64_t size,
                     void (*kernel)(const kernels::BinaryElements<T>&, const FormParameters&)) {
    kernels::BinaryElements<T> elements = Inputs(begin, size);
    elements.losses = run_.LossOf(begin);
    elements.gradient = run_.ElementOf(run_.outputs[Output::kGradient], begin);
    elements.hessian = run_.ElementOf(run_.outputs[Output::kHessianDiagonal], begin);
    elements.probabilities = run_.ElementOf(run_.outputs[Output::kProbabilities], begin);
    kernel(elements, run_.spec.parameters);
    if (!run_.records.wanted()) return;
    for (int64_t i = 0; i < size; ++i) Record(begin, i);
  }

  kernels::BinaryElements<T> Inputs(int64_t begin, int64_t size) {
    kernels::BinaryElements<T> elements;
    elements.logits = run_.ElementOf(run_.logits, begin);
    elements.count = size;
    elements.sign = Column(0);
    elements.curvature = CurvatureOf(run_.options);
    elements.stores = run_.stores;
    if (uniform_) {
      elements.factors = *uniform_;
    } else {
      FillColumns(begin, size);
      elements.weight = Column(1);
      elements.sample_weight = Column(2);
      elements.gradient_scale = Column(3);
      elements.hessian_scale = Column(4);
    }
    if (run_.records.wanted()) {
      elements.true_probability = Column(5);
      elements.true_gradient = Column(6);
    }
    return elements;
  }

  struct Scales {
    double sample_weight, gradient, hessian;
  };

  static Scales ScalesOf(const Run<T>& run, int64_t sample) {
    const double s = run.batch.sample_weights[sample];
    const double scale = s * run.batch.upstream_gradient[sample] * run.derivative_scale;
    return {s, scale * run.options.gradient_scale, scale};
  }

  // Set when no element differs from the others in anything but its logit and its label.
  static std::optional<kernels::ElementFactors<T>> UniformFactors(const Run<T>& run) {
    if (!run.labels.ignores_none() || !run.batch.sample_weights.empty() ||
        !run.batch.upstream_gradient.empty()) {
      return std::nullopt;
    }
    for (int64_t k = 1; k < run.batch.classes; ++k) {
      if (run.terms.positive(k) != run.terms.positive(0) ||
          run.terms.negative(k) != run.terms.negative(0)) {
        return std::nullopt;
      }
    }
    const Scales scales = ScalesOf(run, 0);
    return kernels::ElementFactors<T>{
        static_cast<T>(run.terms.positive(0)), static_cast<T>(run.terms.negative(0)),
        static_cast<T>(scales.sample_weight), static_cast<T>(scales.gradient),
        static_cast<T>(scales.hessian)};
  }

  // Of the elements whose class is given, by class ids. Others' are -1 from the start: they are
  // most.
  void SignClasses(int64_t begin, int64_t size, T sign) {
    T* const signs = Column(0);
    run_.labels.ForEachOfClass(begin, size, [&](int64_t i) { signs[i] = sign; });
  }

  // Returns how many targets are exactly 0 or 1; the signs of the others say nothing.
  int64_t SignTargets(const float* targets, int64_t size) {
    return kernels::CurrentSigns<T>().of_f32(targets, size, Column(0));
  }
  int64_t SignTargets(const double* targets, int64_t size) {
    return kernels::CurrentSigns<T>().of_f64(targets, size, Column(0));
  }

  void FillColumns(int64_t begin, int64_t size) {
    ForEachElement(begin, size, run_.batch.classes, [&](int64_t i, int64_t row, int64_t k) {
      const bool positive = Column(0)[i] > 0;
      const bool ignored = run_.labels.ignored(row, k);
      const Scales scales = ScalesOf(run_, begin + i);
      const double weight = positive ? run_.terms.positive(k) : run_.terms.negative(k);
      Column(1)[i] = ignored ? T(0) : static_cast<T>(weight);
      Column(2)[i] = static_cast<T>(scales.sample_weight);
      Column(3)[i] = static_cast<T>(scales.gradient);
      Column(4)[i] = static_cast<T>(scales.hessian);
    });
  }

  // Element i of the block at `begin`.
  void Record(int64_t begin, int64_t i) {
    const auto sample = static_cast<size_t>(begin + i);
    const auto p = static_cast<double>(Column(5)[i]);
    const auto g = static_cast<double>(Column(6)[i]);
    run_.records.true_probability[sample] = p;
    const double weight = LossWeight(i);
    run_.records.gradient_l1[sample] = weight == 0 ? 0 : weight * std::abs(g);
    run_.records.vanishing[sample] = Vanishes(p, g) ? 1 : 0;
  }

  // Element i's weight times its sample weight; the gradient of a weight of 0 is 0.
  double LossWeight(int64_t i) {
    if (!uniform_) return static_cast<double>(Column(1)[i]) * static_cast<double>(Column(2)[i]);
    return static_cast<double>(Column(0)[i] > 0 ? uniform_->positive_weight
                                                : uniform_->negative_weight);
  }

  const Run<T>& run_;
  std::optional<kernels::ElementFactors<T>> uniform_;
  std::vector<T> columns_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_BINARY_BLOCK_H_
