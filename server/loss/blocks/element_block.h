#ifndef LOSSD_SERVER_LOSS_BLOCKS_ELEMENT_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_ELEMENT_BLOCK_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "server/kernels/dispatch.h"
#include "server/kernels/elements.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/element_factors.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/blocks/thread_scratch.h"

namespace lossd::loss {

// Sigmoid elements in their own type. In float they have any label; in double those of targets
// that are neither 0 nor 1 are left to DenseElementBlock.
template <typename T>
class ElementBlock {
 public:
  using Kernel = void (*)(const kernels::Elements<T>&, const FormParameters&);

  // Elements are computed this many at a time, so that the columns beside them stay in the L1
  // cache.
  static constexpr int64_t kMostElements = ElementFactorColumns<T>::kMostElements;
  static constexpr bool kTakesTargets = std::is_same_v<T, float>;

  ElementBlock(const BatchPlan& plan, const RowWindow<T>& window, Kernel kernel)
      : plan_(plan), window_(window), kernel_(kernel), factors_(plan, window) {
    std::fill(columns_.sign, columns_.sign + kMostElements, T(-1));
  }

  // Computes the elements, unless scales are wide or the kernel does not take all of the labels.
  // Returns how many of the elements it can compute by ComputeOrdinaryOnes.
  int64_t Compute(int64_t begin, int64_t size) {
    const int64_t taken = ReadLabels(begin, size);
    if (taken == size && !plan_.scales.wide()) {
      kernels::Elements<T> elements = MakeInputs(begin, size);
      elements.losses = OutputAt(Output::kLosses, begin);
      elements.gradient = OutputAt(Output::kGradient, begin);
      elements.hessian = OutputAt(Output::kHessianDiagonal, begin);
      elements.probabilities = OutputAt(Output::kProbabilities, begin);
      kernel_(elements, plan_.spec.parameters);
      if (window_.records.wanted()) {
        for (int64_t i = 0; i < size; ++i) Record(begin, i);
      }
    }
    ClearSigns(begin, size);
    return taken;
  }

  // Computes the elements whose labels the kernel takes and whose factors are ordinary, and leaves
  // the others alone.
  void ComputeOrdinaryOnes(int64_t begin, int64_t size) {
    constexpr Output kWritten[] = {Output::kLosses, Output::kGradient, Output::kHessianDiagonal,
                                   Output::kProbabilities};
    ReadLabels(begin, size);
    kernels::Elements<T> elements = MakeInputs(begin, size);
    T** const results[] = {&elements.losses, &elements.gradient, &elements.hessian,
                           &elements.probabilities};
    const ThreadScratch<T, OrdinaryOnes> memory(4 * kMostElements);
    T* outputs[4];
    for (size_t n = 0; n < 4; ++n) {
      outputs[n] = OutputAt(kWritten[n], begin);
      *results[n] = outputs[n] == nullptr ? nullptr : memory.span().data() + n * kMostElements;
    }
    kernel_(elements, plan_.spec.parameters);
    for (int64_t i = 0; i < size; ++i) {
      const int64_t row = (begin + i) / plan_.batch.classes;
      const double t = plan_.labels.target(row, (begin + i) % plan_.batch.classes);
      if (!kTakesTargets && t != 0 && t != 1) continue;
      if (!factors_.AreOrdinary(begin + i, t)) continue;
      for (size_t n = 0; n < 4; ++n) {
        if (outputs[n] != nullptr) outputs[n][i] = (*results[n])[i];
      }
      if (window_.records.wanted()) Record(begin, i);
    }
    ClearSigns(begin, size);
  }

 private:
  struct LabelColumns {};
  struct OrdinaryOnes {};

  struct Columns {
    T* const sign;
    T* const targets;
    T* const rests;
    T* const true_probability;
    T* const true_gradient;
    T* const weighted_gradient;

    explicit Columns(T* memory)
        : sign(memory),
          targets(memory + kMostElements),
          rests(memory + 2 * kMostElements),
          true_probability(memory + 3 * kMostElements),
          true_gradient(memory + 4 * kMostElements),
          weighted_gradient(memory + 5 * kMostElements) {}
  };

  // Reads the labels of the elements into what the kernel takes, and returns for how many it does.
  int64_t ReadLabels(int64_t begin, int64_t size) {
    targets_ = rests_ = nullptr;
    int64_t hard = size;
    if (plan_.labels.has_class_ids()) {
      SignClasses(begin, size, T(1));
    } else if (plan_.labels.hard()) {
      kernels::CurrentSigns<T>().of_labels(plan_.labels.binary().data() + begin, size,
                                           columns_.sign);
    } else {
      hard = plan_.labels.VisitTargets(
          [&](auto targets) { return SignTargets(targets.data() + begin, size); });
    }
    if constexpr (kTakesTargets) {
      if (hard == size && plan_.spec.label_smoothing == 0) return size;
      if (plan_.labels.hard()) {
        FillTargets(columns_.sign, size, [](T sign) { return sign > 0 ? 1.0 : 0.0; });
      } else {
        plan_.labels.VisitTargets([&](auto targets) { TakeTargets(targets.data() + begin, size); });
      }
      return size;
    }
    return hard;
  }

  void TakeTargets(const float* targets, int64_t size) {
    if (plan_.spec.label_smoothing != 0) return FillTargets(targets, size, AsDouble<float>);
    targets_ = targets;
  }
  void TakeTargets(const double* targets, int64_t size) {
    FillTargets(targets, size, AsDouble<double>);
  }

  template <typename U>
  static double AsDouble(U target) {
    return static_cast<double>(target);
  }

  // Writes y = (1 - ε) t + ε / 2, and 1 - y from the rest of t, which 1 - y would not have as
  // exactly when it is small.
  template <typename U, typename F>
  void FillTargets(const U* from, int64_t size, F target_of) {
    const double smoothing = plan_.spec.label_smoothing;
    T* const targets = columns_.targets;
    T* const rests = columns_.rests;
    for (int64_t i = 0; i < size; ++i) {
      const double t = target_of(from[i]);
      targets[i] = static_cast<T>((1 - smoothing) * t + smoothing / 2);
      rests[i] = static_cast<T>((1 - smoothing) * (1 - t) + smoothing / 2);
    }
    targets_ = targets;
    rests_ = rests;
  }

  // Makes the signs of the elements that class ids name those of the others again.
  void ClearSigns(int64_t begin, int64_t size) {
    if (plan_.labels.has_class_ids()) SignClasses(begin, size, T(-1));
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

  // Returns where an output has `element`; null when it is not wanted.
  T* OutputAt(Output output, int64_t element) const {
    if (output == Output::kLosses) return window_.SampleAt(output, element);
    return window_.ElementAt(window_.outputs[output], element);
  }

  // Returns elements whose labels are read, with everything but the outputs of the batch.
  kernels::Elements<T> MakeInputs(int64_t begin, int64_t size) {
    kernels::Elements<T> elements;
    elements.logits = window_.ElementAt(window_.logits, begin);
    elements.count = size;
    if (targets_ == nullptr) {
      elements.sign = columns_.sign;
    } else {
      elements.targets = targets_;
      elements.rests = rests_;
    }
    elements.curvature = plan_.curvature;
    elements.stores = window_.stores;
    factors_.Give(begin, elements);
    if (window_.records.wanted()) {
      elements.true_probability = columns_.true_probability;
      elements.true_gradient = columns_.true_gradient;
      if (targets_ != nullptr) elements.weighted_gradient = columns_.weighted_gradient;
    }
    return elements;
  }

  // Records element i of those from `begin` on.
  void Record(int64_t begin, int64_t i) {
    const auto sample = static_cast<size_t>(begin + i);
    const auto element = begin + i;
    const double t =
        plan_.labels.target(element / plan_.batch.classes, element % plan_.batch.classes);
    auto p = static_cast<double>(columns_.true_probability[i]);
    const auto g = static_cast<double>(columns_.true_gradient[i]);
    if (plan_.spec.label_smoothing == 0 && (t == 0 || t == 1)) {
      const double weight = factors_.LossWeight(i, t == 1);
      window_.records.gradient_l1[sample] = weight == 0 ? 0 : weight * std::abs(g);
    } else {
      const bool is_of_no = targets_ != nullptr && targets_[i] == 0;
      const double yes = is_of_no ? 1 - p : p;
      p = t * yes + (1 - t) * (1 - yes);
      window_.records.gradient_l1[sample] =
          std::abs(static_cast<double>(columns_.weighted_gradient[i]));
    }
    window_.records.true_probability[sample] = p;
    window_.records.vanishing[sample] = Vanishes(p, g) ? 1 : 0;
  }

  const BatchPlan& plan_;
  const RowWindow<T>& window_;
  Kernel kernel_;
  ElementFactorColumns<T> factors_;
  ThreadScratch<T, LabelColumns> memory_{6 * kMostElements};
  Columns columns_{memory_.span().data()};
  const T* targets_ = nullptr;
  const T* rests_ = nullptr;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_ELEMENT_BLOCK_H_
